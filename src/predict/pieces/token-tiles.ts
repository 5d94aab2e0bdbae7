/**
 * The schedule of kernels with token tiles outside and experts inside: each tile's rows are sent
 * one by one, each active expert's weights are read again, results go back a run for each device.
 */
import { type Job, localExperts, rowBytes, tallyOf, tokenShare, weightBytes } from "../job.ts";
import type { Tally } from "../routing/sample.ts";
import type { Here, Step } from "../step.ts";
import { combineOwn, exchangeCounts } from "./parts.ts";
import type { TokenTiles } from "./tiles.ts";
import { expertSteps, sharedExpert } from "./token-tile-expert.ts";

/** Steps of a whole call. */
export function tokenTileSteps(input: TokenTiles): readonly Step[] {
  const { job, tiles } = input;
  const tally = tallyOf(job, tiles.bt);
  const experts = localExperts(job);
  const expertOf = (device: number, local: number): number => device * experts + local;
  const rowsOf = (here: Here): number =>
    tally.of(here.trip("token tile"), expertOf(here.device, here.trip("expert")));
  const perExpert: Step[] = [
    ...dispatchNext(input, tally),
    { do: "receive", stream: "rows_out" },
    {
      do: "when",
      test: (here) => input.readsInactive || rowsOf(here) > 0,
      body: expertSteps(input, tally, rowsOf),
    },
    {
      do: "send",
      stream: "results_back",
      bytes: (here, to) =>
        tally.from(here.trip("token tile"), to, expertOf(here.device, here.trip("expert"))) *
        rowBytes(job),
      copies: (here, to) =>
        tally.from(here.trip("token tile"), to, expertOf(here.device, here.trip("expert"))) > 0
          ? 1
          : 0,
    },
  ];
  return [
    { do: "barrier", name: "start" },
    {
      do: "loop",
      name: "token tile",
      trips: tally.tiles,
      body: [
        ...exchangeCounts(job, tiles.bt, "every round"),
        ...(input.dispatch === "scan for each expert" ? dispatch(input, tally, () => 0) : []),
        ...(input.dispatch === "scan for each expert" ? [] : dispatchAll(input, tally)),
        ...firstWeights(input, tally),
        ...(job.layer.shared === undefined ? [] : sharedExpert(job, tiles, job.layer.shared)),
        { do: "loop", name: "expert", trips: experts, body: perExpert },
        { do: "receive", stream: "results_back", all: true },
        { do: "barrier", name: "results are back" },
        ...combineOwn(job, Math.min(tiles.bt, tokenShare(job))),
        { do: "barrier", name: "end of the tile" },
      ],
    },
  ];
}

/** One expert's rows of this device's tile, each by its own copy. */
function dispatch(input: TokenTiles, tally: Tally, next: (here: Here) => number): readonly Step[] {
  const { job, tiles } = input;
  const experts = localExperts(job);
  const rows = (here: Here, to: number): number =>
    tally.from(here.trip("token tile"), here.device, to * experts + next(here));
  const entries = Math.min(tiles.bt, tokenShare(job)) * job.layer.topK;
  return [
    {
      do: "compute",
      stage: "dispatch",
      cycles: entries * job.device.timing.entryCycles.value,
    },
    ...(input.branchless ? [emptyCopies(job, entries)] : []),
    {
      do: "send",
      stream: "rows_out",
      bytes: (here, to) => rows(here, to) * rowBytes(job),
      copies: rows,
    },
  ];
}

function emptyCopies({ device }: Job, entries: number): Step {
  return {
    do: "spend",
    stage: "dispatch",
    seconds: 2 * entries * device.timing.emptyCopy.value,
  };
}

function dispatchNext(input: TokenTiles, tally: Tally): readonly Step[] {
  const experts = localExperts(input.job);
  const { barrierEvery } = input;
  const steps: Step[] = [];
  if (barrierEvery > 0) {
    steps.push({
      do: "when",
      test: (here) => {
        const next = here.trip("expert") + 1;
        return next < experts && next >= barrierEvery && next % barrierEvery === 0;
      },
      body: [{ do: "barrier", name: "row buffers are free" }],
    });
  }
  if (input.dispatch === "scan for each expert") {
    steps.push({
      do: "when",
      test: (here) => here.trip("expert") + 1 < experts,
      body: dispatch(input, tally, (here) => here.trip("expert") + 1),
    });
  }
  return steps;
}

/** Rows of all experts before the first of them: entries looked at once, or runs sorted before. */
function dispatchAll(input: TokenTiles, tally: Tally): readonly Step[] {
  const { job, tiles } = input;
  const experts = localExperts(job);
  const entries = Math.min(tiles.bt, tokenShare(job)) * job.layer.topK;
  const sorted = input.dispatch === "sorted";
  return [
    {
      do: "loop",
      name: "expert sent to",
      trips: experts,
      body: [
        {
          do: "compute",
          stage: "dispatch",
          cycles: sorted
            ? job.ep * job.device.timing.entryCycles.value
            : (entries / experts) * job.device.timing.entryCycles.value,
        },
        {
          do: "send",
          stream: "rows_out",
          bytes: (here, to) => rowsTo(here, to) * rowBytes(job),
          copies: (here, to) => (sorted ? Math.min(1, rowsTo(here, to)) : rowsTo(here, to)),
        },
      ],
    },
  ];
  function rowsTo(here: Here, to: number): number {
    const expert = to * experts + here.trip("expert sent to");
    return tally.from(here.trip("token tile"), here.device, expert);
  }
}

function firstWeights(input: TokenTiles, tally: Tally): readonly Step[] {
  if (!input.prefetchesNextExpert) return [];
  const { job, tiles } = input;
  const bytes = 2 * tiles.bd1 * tiles.bf * weightBytes(job);
  return [
    {
      do: "when",
      test: (here) =>
        input.readsInactive ||
        tally.of(here.trip("token tile"), here.device * localExperts(job)) > 0,
      body: [{ do: "start", stream: "gate_up_in", bytes, copies: 2 }],
    },
  ];
}
