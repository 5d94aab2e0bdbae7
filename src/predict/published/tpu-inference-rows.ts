import { type Job, localExperts, ROW_TYPE_BYTES, tallyOf, tokenShare } from "../job.ts";
import { collective, grouped, operations, routing } from "../pieces/xla.ts";
import type { Here, Step } from "../step.ts";
import type { Published } from "./published.ts";

/** Rows of its only body. */
const BODY = 128;
/**
 * Cycles a row of the body: list read 2.5, gather 5.7, list read with div and mod 19.3, two write
 * copies 16, relayout 4 (counted).
 */
const ROW_CYCLES = 2.5 + 5.7 + 19.3 + 16 + 4;

function steps(job: Job): readonly Step[] {
  const { hidden, intermediate, topK } = job.layer;
  const tally = tallyOf(job, job.tokens);
  const experts = localExperts(job);
  const rows = job.tokens * hidden * ROW_TYPE_BYTES;
  const back = (here: Here, to: number): number =>
    tally.from(0, to, here.device * experts + here.trip("feed-forward"));
  return [
    { do: "barrier", name: "start" },
    ...routing(job, job.tokens, 5),
    ...collective(job, "all-gather of rows", rows),
    operations(job, "rows in the kernel's layout", 2, 2 * rows),
    { do: "barrier", name: "kernel entry" },
    ...grouped(job, {
      tally,
      name: "feed-forward",
      contracted: hidden,
      columns: intermediate,
      products: 3,
      most: BODY,
      least: BODY,
      rowCycles: ROW_CYCLES,
      after: [
        {
          do: "send",
          stream: "rows_back",
          bytes: (here, to) => back(here, to) * hidden * ROW_TYPE_BYTES,
          copies: back,
        },
      ],
    }),
    { do: "receive", stream: "rows_back", all: true },
    { do: "barrier", name: "kernel exit" },
    operations(job, "weighted sum", 3, 3 * tokenShare(job) * topK * hidden * ROW_TYPE_BYTES),
  ];
}

export const tpuInferenceRows: Published = {
  name: "tpu-inference-rows",
  title: "tpu-inference pull request 3040",
  about: "tokens replicated first, one kernel, one copy back for each routed row",
  source: "https://github.com/vllm-project/tpu-inference/pull/3040",
  records: /pr[-_ ]?3040|fused_moe_func_rs/i,
  reads: [],
  steps,
};
