/** Sums out of the results of all entries in HBM: those of a chunk of tokens come row by row, some batches ahead. */

import { type Dim, dma, FLOAT, ONE, smem, vmem } from "../../kernel/declaration.ts";
import { chunkTokens } from "../../kernel/experts/results-in-hbm.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import type { Draft } from "../../kernel/part.ts";
import { LANES, type Layout } from "../../kernel/rows/layout.ts";
import { sumChunk } from "../../kernel/rows/staged-sums.ts";
import type { PartCopies } from "../../plan/part-copies.ts";
import type { Stream } from "../../plan/plan.ts";

/** Results of a batch at most: RESULT_BATCH of the template. */
export const RESULT_BATCH = 32;

/** Bits that say where in a chunk a token's sum is, or the row after the chunk's: PLACE_BITS of the template. */
export function placeBits(layout: Layout): number {
  return Math.ceil(Math.log2(sumChunk(layout) * layout.sumPitch + 1));
}

/** Three batches come while one is added. */
const SLOTS: Dim = ["4", 4];

/** Batches of results, and which come next. */
export function batchBuffers({ layout }: KernelInput) {
  const batch: Dim = ["RESULT_BATCH * SUM_ROW", RESULT_BATCH * layout.sumRow];
  const meaning = "results of some tokens, to be added up";
  return [
    vmem("staged_results", [SLOTS, batch, ["LANES", LANES]], FLOAT, meaning, 4),
    smem("results_ahead", [["2", 2]], "the next batch of results: its chunk, and its place there"),
    smem("results_taken", [ONE], "batches of results that have been added"),
  ];
}

/** Of the copies of a batch. */
export function batchSemaphores() {
  return [dma("results_staged", SLOTS, "a batch of results in staged_results")];
}

/** One copy each. */
export function batchStreams(frame: Frame): readonly Stream[] {
  const { layout, load } = frame;
  return [
    {
      ...{ name: "results_in", from: "HBM", to: "VMEM", remote: false },
      ...{ source: "entry_results", destination: "staged_results", semaphore: "results_staged" },
      ...{ issuedBy: "reduce_scatter", awaitedBy: "sum_results" },
      bytes: load.routedRows * layout.sumRow * LANES * 4,
      copies: load.routedRows,
      meaning: "results of the tokens of a chunk, one by one",
    },
  ];
}

/** Chunks of tokens in a pass, and results of each. */
function chunksOf(frame: Frame): { readonly chunks: number; readonly each: number } {
  const { ep, sizes, load } = frame;
  const chunks = (ep * sizes.sentTokens) / chunkTokens(frame);
  return { chunks, each: load.routedRows / (chunks * sizes.passes) };
}

/** What stands for a chunk's sums in the steps of the reduce-scatter: as many copies as it has results. */
export function batchCopies(
  frame: Frame,
): Pick<PartCopies, "sums" | "sumsCopies" | "ahead" | "summed"> {
  const { chunks, each } = chunksOf(frame);
  const ahead = Math.min(chunks, Math.max(1, Math.floor((3 * RESULT_BATCH) / each)));
  return { sums: "results_in", sumsCopies: each, ahead, summed: "sum_results" };
}

/** Within the steps of the reduce-scatter: batches of results of each chunk, in groups of rows. */
export function sumResults(frame: Frame): Draft {
  const { load, sizes } = frame;
  const { chunks, each } = chunksOf(frame);
  const batches = chunks * Math.max(1, Math.ceil(each / RESULT_BATCH));
  return {
    name: "sum_results",
    meaning: "results of a chunk's tokens added up, the next batches of them on their way",
    reads: ["staged_results", "result_entries", "result_counts", "results_taken"],
    writes: ["staged_sums", "staged_results", "results_ahead", "results_taken"],
    per: "pass",
    trips: sizes.passes,
    loops: [
      { over: "copies", each: 1, fixed: batches },
      // One that starts results, one that waits for them, and one that adds them.
      { over: "copies", each: UNROLL, fixed: load.routedRows / sizes.passes / UNROLL },
    ],
  };
}

/** The first of a pass. */
export function firstResults({ sizes: { passes } }: Frame): Draft {
  return {
    name: "first_results",
    meaning: "the first batches of results start",
    reads: ["result_entries", "result_counts"],
    writes: ["results_ahead", "results_taken"],
    per: "pass",
    trips: passes,
    loops: [{ over: "copies", each: UNROLL, fixed: (3 * RESULT_BATCH) / UNROLL }],
  };
}
