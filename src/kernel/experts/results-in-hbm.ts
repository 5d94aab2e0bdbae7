/**
 * Results of all entries in HBM, a block's side by side: nothing of one block waits for another. Where sums leave,
 * those of each token are added up, out of lists of where they lie by chunks of tokens.
 */

import type { Stream } from "../../plan/plan.ts";
import { tablesOf } from "../collectives/part.ts";
import { type Dim, dma, FLOAT, hbm, ONE, smem, vmem } from "../declaration.ts";
import { type Frame, type KernelInput, passSlots } from "../frame.ts";
import { GROUP, rows, UNROLL } from "../loops.ts";
import type { Draft } from "../part.ts";
import { LANES } from "../rows/layout.ts";
import { sumChunkOf } from "../rows/staged-sums.ts";
import { weightStreams } from "../weights/scales.ts";
import { blocksOf, mostLocal } from "./blocks-of-rows.ts";
import { type AroundCombine, eachGroup, MOST_RESULT_SLOTS } from "./sums-in-hbm.ts";

/** Groups of a block's results on their way at a time: `sum_slots` of the tile table. */
function resultSlots(tiles: Pick<KernelInput["tiles"], "rowBlock">): number {
  return Math.min(MOST_RESULT_SLOTS, tiles.rowBlock / GROUP);
}

/** Tokens of a chunk that lists are by. */
export function chunkTokens(input: KernelInput): number {
  return sumChunkOf(input.layout, input.sizes.sentTokens / tablesOf(input).cuts);
}

/** Where results lie, those on their way there, and by chunks of tokens where that is. */
function resultsBuffers(input: KernelInput) {
  const { layer, layout, ep, sizes, tiles } = input;
  const slots: Dim = ["s.pass_slots", passSlots(input)];
  const most = mostLocal(layer, ep);
  const [, blocks] = blocksOf(input);
  const groups = Math.floor((sizes.allTokens * most) / GROUP) + blocks;
  const held: Dim = ["s.result_groups * ROW_GROUP * SUM_ROW", groups * GROUP * layout.sumRow];
  const leaving: Dim = [
    "s.group_slots * ROW_GROUP * SUM_ROW",
    resultSlots(tiles) * GROUP * layout.sumRow,
  ];
  const tokens = chunkTokens(input);
  const chunks = sizes.allTokens / tokens + Math.ceil(GROUP / tokens);
  const lists: Dim = ["s.result_chunks * s.chunk_entries", chunks * (tokens * most + UNROLL)];
  return [
    hbm("entry_results", [slots, held, ["LANES", LANES]], FLOAT, "weighted results of all entries"),
    vmem(
      "block_results",
      [leaving, ["LANES", LANES]],
      FLOAT,
      "those of a block on their way there",
    ),
    smem(
      "result_entries",
      [slots, lists],
      "rows of entry_results and their tokens, by chunks of these",
    ),
    smem("result_counts", [slots, ["s.result_chunks", chunks]], "how many results each chunk has"),
    smem("kept_groups", [ONE], "groups of results of a pass so far"),
  ];
}

/** Of the copies there. */
function resultsSemaphores({ tiles }: KernelInput) {
  const count: Dim = ["s.group_slots", resultSlots(tiles)];
  return [dma("results_kept", count, "a group of results in entry_results")];
}

/** A group a copy. */
function resultsCopies({ layout, load }: Frame): readonly Stream[] {
  return [
    {
      ...{ name: "results_out", from: "VMEM", to: "HBM", remote: false },
      ...{ source: "block_results", destination: "entry_results", semaphore: "results_kept" },
      ...{ issuedBy: "keep_results", awaitedBy: "await_results" },
      bytes: load.routedRows * layout.sumRow * LANES * 4,
      copies: load.routedRows / GROUP,
      slots: 1,
      withBlock: true,
      meaning: "weighted results of a block, a group of rows a copy",
    },
  ];
}

/** Around `combine`. */
function resultsStages(frame: Frame): readonly Draft[] {
  const { layer, load, sizes, tiles } = frame;
  return [
    {
      name: "list_results",
      meaning: "where the block's results will lie, by chunks of their tokens",
      reads: ["expert_entries"],
      writes: ["result_entries", "result_counts"],
      per: "expert",
      trips: load.readExperts * load.reads,
      loops: [rows(UNROLL)],
      overlaps: weightStreams(layer),
    },
    {
      name: "await_results",
      meaning: "an earlier group of results has left",
      reads: [],
      writes: ["block_results"],
      ...eachGroup(frame),
    },
    {
      name: "keep_results",
      meaning: "a group of results starts on its way to HBM",
      reads: ["block_results"],
      writes: ["entry_results"],
      ...eachGroup(frame),
    },
    {
      name: "last_results",
      meaning: "all results of a pass are in HBM",
      reads: [],
      writes: ["entry_results"],
      waits: ["results_out"],
      per: "pass",
      trips: sizes.passes,
      loops: [{ ...rows(GROUP), fixed: resultSlots(tiles) }],
    },
  ];
}

/** What a block's results add to the loop over experts. */
export const blockResults: AroundCombine = {
  buffers: resultsBuffers,
  semaphores: resultsSemaphores,
  streams: resultsCopies,
  stages: resultsStages,
};
