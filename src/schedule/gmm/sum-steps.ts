/** Steps of the second Pallas call, by its stages: blocks of tokens one after the other. */
import type { PallasCall, Stage } from "../../plan/plan.ts";
import { type Job, localExperts, tokenShare } from "../../predict/job.ts";
import { type Counts, cyclesOf, stageCost } from "../../predict/plan/cycles.ts";
import { Tally } from "../../predict/routing/sample.ts";
import type { Here, Step } from "../../predict/step.ts";
import type { Bundles } from "../../runner/types.ts";

/** Stages from which on the results of a block must be here. */
const WITH_RESULTS: ReadonlySet<string> = new Set(["add_results", "write_sums"]);
/** How a block's sums begin: in the first round, and in a later one with those so far. */
const FIRST: ReadonlySet<string> = new Set(["await_shared_brought", "begin_sums", "clear_sums"]);
const LATER: ReadonlySet<string> = new Set(["sums_so_far"]);
/** What comes for the first round alone. */
const SHARED = "shared_results_in";

/**
 * The next block's results come, and the last ones' sums leave, while one is added up.
 * @param job one round's entries
 * @param later there is a round before
 */
export function sumSteps(
  call: PallasCall,
  bundles: Bundles,
  job: Job,
  later = false,
): readonly Step[] {
  const local = localExperts(job);
  const tally = new Tally(job.routing, job.ep, tokenShare(job));
  const each = Array.from({ length: job.ep }, (_, device) => {
    let rows = 0;
    for (let expert = 0; expert < local; expert++) rows += tally.of(0, device * local + expert);
    return rows;
  });
  const blocks = call.stages.find(({ name }) => name === "write_sums")?.trips ?? 1;
  const rowsOf = ({ device }: Here): number => (each[device] ?? 0) / blocks;
  const cycles = (stages: readonly Stage[]) => {
    const costs = stages.map((stage) => stageCost(bundles, stage));
    return (here: Here): number => {
      const counts: Counts = (_, size) => Math.ceil(rowsOf(here) / size);
      return costs.reduce((sum, cost) => sum + cyclesOf(cost, counts), 0);
    };
  };
  const mean = job.tokens * job.layer.topK;
  const start = (name: string): Step => {
    const stream = call.streams.find((one) => one.name === name);
    const { bytes = 0, copies = 0 } = stream ?? {};
    const share = (here: Here): number =>
      name === "row_results_in" ? (rowsOf(here) * job.ep) / mean : 1 / blocks;
    return {
      do: "start",
      stream: name,
      counted: true,
      bytes: (here: Here) => bytes * share(here),
      copies: (here: Here) => copies * share(here),
    };
  };
  const in_ = call.streams
    .filter(({ to, copies, name }) => to === "VMEM" && copies > 0 && !(later && name === SHARED))
    .map(({ name }) => name);
  const elsewhere = later ? FIRST : LATER;
  const inLoop = call.stages.filter(({ name, trips }) => !elsewhere.has(name) && trips === blocks);
  const early = inLoop.filter(({ name }) => !WITH_RESULTS.has(name));
  const late = inLoop.filter(({ name }) => WITH_RESULTS.has(name));
  const next = (here: Here): boolean => here.trip("sum block") + 1 < blocks;
  // As many bytes as leave.
  const soFar: readonly Step[] = later
    ? [{ ...start("sums_out"), stream: "sums_in" } as Step, { do: "wait", stream: "sums_in" }]
    : [];
  return [
    ...in_.map(start),
    {
      ...{ do: "loop", name: "sum block", trips: blocks },
      body: [
        { do: "when", test: next, body: in_.map(start) },
        { do: "compute", stage: "sums by token", cycles: cycles(early) },
        ...soFar,
        ...in_.map((stream): Step => ({ do: "wait", stream })),
        {
          do: "when",
          test: (here) => here.trip("sum block") >= 2,
          body: [{ do: "wait", stream: "sums_out" }],
        },
        { do: "compute", stage: "sums by token", cycles: cycles(late) },
        start("sums_out"),
      ],
    },
    { do: "wait", stream: "sums_out", all: true },
  ];
}
