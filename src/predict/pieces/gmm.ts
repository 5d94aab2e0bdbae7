/** Grouped matmuls over local rows, XLA operations and one all-reduce around them. */
import { type Job, ROW_TYPE_BYTES, tallyOf } from "../job.ts";
import type { Step } from "../step.ts";
import { allReduce, gatherRows, grouped, operations, routing } from "./xla.ts";

/** Bytes through HBM for each routed row that a device gathers and adds to its token's sum. */
function localRows(job: Job): number {
  return (job.tokens * job.layer.topK) / job.ep;
}

/** Grouped matmuls of all local experts: one kernel, or gate and up apart from down. */
export function gmmSteps(job: Job, kernels: 1 | 2): readonly Step[] {
  const { hidden, intermediate } = job.layer;
  const tally = tallyOf(job, job.tokens);
  const row = hidden * ROW_TYPE_BYTES;
  const body = { tally, most: 512, least: 128 };
  const first = { ...body, contracted: hidden, columns: intermediate, products: 2 };
  const second = { ...body, contracted: intermediate, columns: hidden, products: 1 };
  return [
    { do: "barrier", name: "start" },
    ...routing(job, job.tokens, 9),
    gatherRows(job, "gather rows", localRows(job) * row),
    ...grouped(job, { ...first, name: "gate_up" }),
    ...(kernels === 2 ? [operations(job, "second kernel", 1)] : []),
    ...grouped(job, { ...second, name: "down" }),
    gatherRows(job, "rows by token", localRows(job) * row),
    // A float32 sum written and read, a bfloat16 result written.
    operations(job, "sum by token", 3, job.tokens * (4 + 4 + 2) * hidden),
    ...allReduce(job, "all-reduce", job.tokens * row),
  ];
}
