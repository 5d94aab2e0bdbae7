import { type Job, ROW_TYPE_BYTES, tallyOf } from "../job.ts";
import { allReduce, elementwise, gatherRows, grouped, operations, routing } from "../pieces/xla.ts";
import type { Step } from "../step.ts";
import type { Published } from "./published.ts";

/**
 * Cycles for 1,024 elements by XLA's own estimated_cycles (v6e, T 2,048): silu times up 163 k for
 * 16,384 rows of 768, weighted sum 218 k for 16,384 rows of 2,048.
 */
const SILU_CYCLES = 13.3;
const SUM_CYCLES = 6.7;

/** All routed rows pass through HBM on every device, those of other devices' experts as zeros. */
function steps(job: Job): readonly Step[] {
  const { hidden, intermediate, topK } = job.layer;
  const tally = tallyOf(job, job.tokens);
  const rows = job.tokens * topK;
  const row = hidden * ROW_TYPE_BYTES;
  const middle = intermediate * ROW_TYPE_BYTES;
  const body = { tally, products: 1, most: 128, least: 128 };
  const up = { ...body, contracted: hidden, columns: intermediate, stage: "gate_up" };
  return [
    { do: "barrier", name: "start" },
    ...routing(job, job.tokens, 5),
    gatherRows(job, "gather rows", rows * row),
    ...grouped(job, { ...up, name: "gate" }),
    ...grouped(job, { ...up, name: "up" }),
    // Zeros of other devices' rows are written too.
    operations(job, "zero rows", 2, 2 * rows * middle),
    elementwise(job, "activation", {
      operations: 1,
      bytes: 3 * rows * middle,
      cycles: (rows * intermediate * SILU_CYCLES) / 1024,
    }),
    ...grouped(job, { ...body, name: "down", contracted: intermediate, columns: hidden }),
    operations(job, "zero rows", 1, rows * row),
    gatherRows(job, "rows by token", rows * row),
    elementwise(job, "weighted sum", {
      operations: 2,
      bytes: rows * row + job.tokens * row,
      cycles: (rows * hidden * SUM_CYCLES) / 1024,
    }),
    ...allReduce(job, "all-reduce", job.tokens * row),
  ];
}

export const epmoe: Published = {
  name: "epmoe",
  title: "sgl-jax EPMoE",
  about:
    "grouped matmuls over all routed rows on every device, one all-reduce; tokens are replicated",
  source: "sgl-project/sglang-jax@cddbf6f1 python/sgl_jax/srt/layers/moe.py",
  records: /\bep_?moe\b|[ _-]epmoe/i,
  reads: [],
  steps,
};
