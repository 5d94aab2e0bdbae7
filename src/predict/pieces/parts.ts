/** Pieces that several published kernels have in common. */
import { type Form, multiplyCycles } from "../cost/multiply.ts";
import { type Job, rowBytes } from "../job.ts";
import type { Here, Step } from "../step.ts";

/** Lanes of a vector register, and its words. */
const REGISTER = 1024;
/** Hidden size at which the counted row costs below were counted. */
export const COUNTED_HIDDEN = 2048;

/**
 * Cycles to load one returned row and add it to its token's sum, weighted: 23 to issue the load, 3 to
 * wait, 35 for the sum of eight rows of 2,048 (counted by the compiler for sgl-jax v1 and v2).
 */
export function combineRowCycles(job: Job): number {
  return 26 + ((35 / 8) * job.layer.hidden) / COUNTED_HIDDEN;
}

/** Cycles of one row tile's feed-forward pieces. */
export function gateUp(
  job: Job,
  form: Form,
  rows: number,
  contracted: number,
  columns: number,
): number {
  const weights = job.layer.weights;
  const part = "gate and up";
  return multiplyCycles(job.device, { form, part, rows, contracted, columns, weights });
}

/** The same of down. */
export function down(
  job: Job,
  form: Form,
  rows: number,
  contracted: number,
  columns: number,
): number {
  const weights = job.layer.weights;
  return multiplyCycles(job.device, { form, part: "down", rows, contracted, columns, weights });
}

/** Counts of rows by expert, sent to everyone and summed: recursive doubling with a barrier a round. */
export function exchangeCounts(
  job: Job,
  tile: number,
  barriers: "every round" | "none",
): readonly Step[] {
  const { ep, layer } = job;
  const rounds = Math.ceil(Math.log2(Math.max(ep, 2)));
  const oneHot = (tile * layer.topK * layer.experts * 3) / REGISTER;
  const bytes = (here: Here, to: number): number =>
    to === here.device ? 0 : Math.min(layer.experts * 4, 4096);
  const copies = (here: Here, to: number): number => (to === here.device ? 0 : 1);
  const steps: Step[] = [
    { do: "start", stream: "topk_in", bytes: tile * layer.topK * 8 },
    { do: "wait", stream: "topk_in" },
    { do: "compute", stage: "counts", cycles: 500 + oneHot },
  ];
  if (barriers === "none") {
    steps.push(
      { do: "send", stream: "counts_out", bytes, copies },
      { do: "receive", stream: "counts_out" },
    );
  } else {
    const latency = job.device.timing.remoteLatency.value;
    if (ep > 1) steps.push({ do: "barrier", name: "counts" });
    for (let round = 0; ep > 1 && round < rounds; round++) {
      steps.push(
        { do: "barrier", name: `counts round ${round}` },
        { do: "spend", stage: "counts", seconds: 2 * latency },
      );
    }
    if (ep > 1) steps.push({ do: "barrier", name: "counts are here" });
  }
  // Five lists go from VMEM to SMEM, started together.
  const copy = job.device.timing.dmaLatency.value;
  steps.push({ do: "spend", stage: "counts", seconds: copy });
  return steps;
}

/** Own tokens of a tile: their returned rows are loaded one by one, summed and written. */
export function combineOwn(job: Job, tokens: number): readonly Step[] {
  const rows = tokens * job.layer.topK;
  const bytes = rows * rowBytes(job);
  const dma = job.device.timing.localCopy.value * rows;
  return [
    // The loads are issued by the counted cycles; here is what they move.
    { do: "start", stream: "returned_rows_in", bytes, copies: 0 },
    { do: "compute", stage: "combine", cycles: rows * combineRowCycles(job) },
    { do: "wait", stream: "returned_rows_in" },
    { do: "spend", stage: "combine", seconds: dma },
    { do: "start", stream: "output_out", bytes: tokens * rowBytes(job) },
    { do: "wait", stream: "output_out", all: true },
  ];
}
