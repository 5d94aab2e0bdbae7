import { type Job, localExperts, ROW_TYPE_BYTES, tallyOf, tile, tokenShare } from "../job.ts";
import { collective, grouped, operations, routing } from "../pieces/xla.ts";
import type { Here, Step } from "../step.ts";
import type { Published } from "./published.ts";

/** Rows cross the links in eight bits with a scale. */
const SENT_BYTES = 1;
/** Cycles an entry to order entries by expert on the scalar unit (counted: a counting sort). */
const PLAN_CYCLES = 10.4;
/** Cycles a row: list read, gather, relayout (counted for the reduce-scatter kernel's tile). */
const ROW_CYCLES = 2.5 + 5.7 + 4;

function steps(job: Job): readonly Step[] {
  const { hidden, intermediate, topK } = job.layer;
  const tally = tallyOf(job, job.tokens);
  const experts = localExperts(job);
  const capacity = tile(job, "capacity", 128);
  const back = (here: Here, to: number): number =>
    tally.from(0, to, here.device * experts + here.trip("feed-forward"));
  const body = { tally, most: capacity, least: capacity };
  return [
    { do: "barrier", name: "start" },
    ...routing(job, tokenShare(job), 4),
    ...collective(job, "all-gather of rows", job.tokens * hidden * SENT_BYTES),
    ...collective(job, "all-gather of routing", job.tokens * topK * 8),
    ...routing(job, job.tokens, 5),
    { do: "barrier", name: "kernel entry" },
    // The plan of the transport: every entry is looked at once.
    {
      do: "compute",
      stage: "transport plan",
      cycles: (job.tokens * topK * PLAN_CYCLES) / job.ep,
    },
    ...grouped(job, {
      ...body,
      name: "feed-forward",
      contracted: hidden,
      columns: intermediate,
      products: 3,
      rowCycles: ROW_CYCLES,
      after: [
        {
          do: "send",
          stream: "results_back",
          bytes: (here, to) => back(here, to) * hidden * SENT_BYTES,
          copies: (here, to) => (back(here, to) > 0 ? 2 : 0),
        },
      ],
    }),
    { do: "receive", stream: "results_back", all: true },
    { do: "barrier", name: "kernel exit" },
    operations(
      job,
      "sum of k rows",
      3,
      tokenShare(job) * topK * hidden * SENT_BYTES + tokenShare(job) * hidden * ROW_TYPE_BYTES,
    ),
  ];
}

export const tpuInferenceRuns: Published = {
  name: "tpu-inference-runs",
  title: "tpu-inference pull request 3288",
  about:
    "all-gather of rows in eight bits, one pass over the experts, results back in contiguous runs",
  source: "https://github.com/vllm-project/tpu-inference/pull/3288",
  records: /^fused_ep_v2|pr[-_ ]?3288/i,
  reads: ["capacity"],
  steps,
};
