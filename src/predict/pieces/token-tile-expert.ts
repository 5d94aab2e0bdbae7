/** One expert of one token tile: its weights tile by tile, its rows loaded for each of them. */
import type { Form } from "../cost/multiply.ts";
import { type Job, localExperts, tokenShare, weightBytes } from "../job.ts";
import type { Tally } from "../routing/sample.ts";
import type { Here, Step } from "../step.ts";
import { down, gateUp } from "./parts.ts";
import type { FusedTiles, TokenTiles } from "./tiles.ts";

/** Scalar work of one step of the weight loops: conditions, addresses, loop control. */
const STEP_CYCLES = 150;
/** Rows of a body that a multiply takes at least. */
const SUBLANES = 8;

/** Steps of one expert with rows in one token tile. */
export function expertSteps(
  input: TokenTiles,
  tally: Tally,
  rowsOf: (here: Here) => number,
): readonly Step[] {
  const { job, tiles } = input;
  const { layer } = job;
  const width = weightBytes(job);
  const form: Form = layer.scaleGroup === undefined ? "packed" : "packed scaled";
  const [bfs, bd1s, bd2s] = [
    Math.ceil(layer.intermediate / tiles.bf),
    Math.ceil(layer.hidden / tiles.bd1),
    Math.ceil(layer.hidden / tiles.bd2),
  ];
  const gateUpBytes = 2 * tiles.bd1 * tiles.bf * width;
  const downBytes = tiles.bd2 * tiles.bf * width;
  const rowTiles = (here: Here): number => Math.ceil(rowsOf(here) / tiles.bts);
  const rowsIn = (here: Here): number =>
    Math.min(tiles.bts, rowsOf(here) - here.trip("row tile") * tiles.bts);
  /** Whole bodies of btc rows. */
  const bodies = (here: Here): number => Math.ceil(rowsIn(here) / tiles.btc);
  const bodyRows = Math.max(SUBLANES, tiles.btc);
  const moreTiles = (here: Here): boolean => here.trip("row tile") + 1 < rowTiles(here);
  const startGateUp: Step = { do: "start", stream: "gate_up_in", bytes: gateUpBytes, copies: 2 };
  const startDown: Step = { do: "start", stream: "down_in", bytes: downBytes };
  const startRows: Step = {
    do: "start",
    stream: "expert_rows_in",
    bytes: tiles.bts * tiles.bd1 * 2,
  };
  const nextActive = (here: Here): boolean => {
    const next = here.trip("expert") + 1;
    if (next >= localExperts(job)) return false;
    const expert = here.device * localExperts(job) + next;
    return input.readsInactive || tally.of(here.trip("token tile"), expert) > 0;
  };
  const previousPrefetched = (here: Here): boolean =>
    input.prefetchesNextExpert || here.trip("f tile") > 0;
  const oneGateUp = gateUp(job, form, bodyRows, tiles.bd1, tiles.bf);
  // Its activation is counted with it.
  const oneDown = down(job, form, bodyRows, tiles.bf, tiles.bd2);
  const accBytes = tiles.bts * tiles.bd2 * 2;
  return [
    {
      do: "loop",
      name: "f tile",
      trips: bfs,
      body: [
        { do: "when", test: (here) => !previousPrefetched(here), body: [startGateUp] },
        { do: "when", test: (here) => rowTiles(here) > 0, body: [startRows] },
        {
          do: "loop",
          name: "d1 tile",
          trips: bd1s,
          body: [
            { do: "compute", stage: "weight loop", cycles: STEP_CYCLES },
            { do: "when", test: (here) => here.trip("d1 tile") + 1 < bd1s, body: [startGateUp] },
            { do: "wait", stream: "gate_up_in" },
            { do: "when", test: (here) => here.trip("d1 tile") + 1 === bd1s, body: [startDown] },
            {
              do: "loop",
              name: "row tile",
              trips: rowTiles,
              body: [
                { do: "when", test: moreTiles, body: [startRows] },
                { do: "wait", stream: "expert_rows_in" },
                { do: "compute", stage: "gate_up", cycles: (here) => bodies(here) * oneGateUp },
              ],
            },
            {
              do: "when",
              test: (here) => here.trip("d1 tile") + 1 < bd1s && rowTiles(here) > 0,
              body: [startRows],
            },
          ],
        },
        {
          do: "loop",
          name: "d2 tile",
          trips: bd2s,
          body: [
            { do: "compute", stage: "weight loop", cycles: STEP_CYCLES },
            { do: "when", test: (here) => here.trip("d2 tile") + 1 < bd2s, body: [startDown] },
            {
              do: "when",
              test: (here) => here.trip("d2 tile") + 1 === bd2s && here.trip("f tile") + 1 < bfs,
              body: [startGateUp],
            },
            {
              do: "when",
              test: (here) =>
                input.prefetchesNextExpert &&
                here.trip("d2 tile") + 1 === bd2s &&
                here.trip("f tile") + 1 === bfs &&
                nextActive(here),
              body: [startGateUp],
            },
            { do: "wait", stream: "down_in" },
            {
              do: "loop",
              name: "row tile",
              trips: rowTiles,
              body: [
                {
                  do: "when",
                  test: (here) => here.trip("f tile") > 0,
                  body: [
                    { do: "start", stream: "partial_results_in", bytes: accBytes },
                    { do: "wait", stream: "partial_results_in" },
                  ],
                },
                { do: "compute", stage: "down", cycles: (here) => bodies(here) * oneDown },
                { do: "start", stream: "results_out", bytes: accBytes },
              ],
            },
            { do: "wait", stream: "results_out", all: true },
          ],
        },
      ],
    },
  ];
}

/** The expert that every token goes through: its weights are read for each token tile. */
export function sharedExpert(job: Job, tiles: FusedTiles, width: number): readonly Step[] {
  const { hidden } = job.layer;
  const rows = Math.max(SUBLANES, Math.min(tiles.bt, tokenShare(job)));
  const cycles =
    gateUp(job, "packed", rows, hidden, width) + down(job, "packed", rows, width, hidden);
  return [
    { do: "start", stream: "shared_in", bytes: 3 * hidden * width * weightBytes(job), copies: 8 },
    { do: "compute", stage: "shared expert", cycles },
    { do: "wait", stream: "shared_in" },
  ];
}
