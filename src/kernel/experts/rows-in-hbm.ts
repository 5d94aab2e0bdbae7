/**
 * Rows of the experts out of HBM: a row tile ahead of their use, or a block where the weights stream
 * by. Those of a block are the operand before the next ones come.
 */

import { listsInHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { type Dim, dma, INT, ONE, smem, vmem } from "../declaration.ts";
import type { Frame, KernelInput, Sizes } from "../frame.ts";
import { DEVICES, type DraftLoop, GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft } from "../part.ts";
import { listChunks } from "../routing/words.ts";
import { gatheredTiles } from "../rows/gathered.ts";
import { LANES } from "../rows/layout.ts";
import { weightStreams } from "../weights/scales.ts";

/** Chunks of lists that are joined at a time; also `MERGED` in the template. */
export const MERGED = 4;

/** Lists of an expert and of the next one; or of three blocks of rows, out of what came of lists in HBM. */
export function expertBuffers(input: KernelInput) {
  const { sizes, layer, ep, tiles } = input;
  if (!listsInHbm(input)) {
    const lists: Dim = ["2 * s.list_words", 2 * (sizes.allTokens + GROUP)];
    return [smem("expert_entries", [lists], "entries of an expert, and of the next one")];
  }
  const lists: Dim = ["3 * s.list_words", 3 * Math.ceil(tiles.rowBlock / LANES) * LANES];
  const words = (Math.floor(tiles.rowBlock / LANES) + 2) * LANES;
  const windows = listWindows(layer, sizes, ep, tiles.rowBlock);
  const both: Dim = ["2", 2];
  const chunks: readonly Dim[] = [["s.list_windows", windows], both, ["LANES", LANES]];
  return [
    smem("expert_entries", [lists], "entries of a block of an expert's rows, and of the two after"),
    smem("expert_weights", [lists], "their weights, as float32 bits"),
    vmem("list_chunks", chunks, INT, "chunks of lists with the entries of a block"),
    vmem("merged_entries", [both, ["s.merged_words", words]], INT, "the same one after the other"),
    smem("chunk_turns", [["s.list_windows + MERGED", windows + MERGED]], "where each of them goes"),
    smem("chunks_started", [ONE], "how many of them are on their way"),
  ];
}

/** Chunks in which a block's entries may lie, in whole groups: of each list those that it ends in. */
function listWindows(
  layer: KernelInput["layer"],
  { lists, listTokens }: Sizes,
  ep: number,
  rowBlock: number,
): number {
  const all = ep * lists;
  const { entries } = listChunks(layer, listTokens);
  const chunks = Math.min(Math.floor(rowBlock / LANES) + 2 * all, all * entries);
  return Math.ceil(chunks / MERGED) * MERGED;
}

/** One for each row tile that rows come to. */
export function expertSemaphores(input: KernelInput) {
  const gathered = dma("rows_gathered", gatheredTiles(input), "rows of a row tile side by side");
  if (!listsInHbm(input)) return [gathered];
  return [
    dma("lists_brought", ONE, "chunks of lists with a block's entries"),
    dma("entries_listed", ONE, "a block's entries, one after the other"),
    gathered,
  ];
}

/** Copies of lists that a block has, on average: as many chunks as its entries lie in, of most one more. */
function chunksOf({ load, ep, sizes }: Frame): {
  readonly blocks: number;
  readonly copies: number;
} {
  const blocks = Math.max(1, load.readExperts * load.reads);
  const part = Math.min(ep * sizes.lists, load.routedRows / blocks);
  return { blocks, copies: load.routedRows / LANES + blocks * part };
}

/** Lists in, and a block's entries in one list to the scalar unit. */
function listsIn(frame: Frame): readonly Stream[] {
  const { blocks, copies } = chunksOf(frame);
  const words = Math.ceil(frame.tiles.rowBlock / LANES) * LANES;
  return [
    {
      name: "lists_in",
      from: "HBM",
      to: "VMEM",
      remote: false,
      source: "routes",
      destination: "list_chunks",
      issuedBy: "bring_lists",
      awaitedBy: "merge",
      semaphore: "lists_brought",
      bytes: copies * 2 * LANES * 4,
      copies,
      slots: 1,
      meaning: "entries of the block after the next, and their weights",
    },
    {
      name: "entries_in",
      from: "VMEM",
      to: "SMEM",
      remote: false,
      source: "merged_entries",
      destination: "expert_entries, expert_weights",
      issuedBy: "merge",
      awaitedBy: "gather",
      semaphore: "entries_listed",
      bytes: blocks * 2 * words * 4,
      copies: 2 * blocks,
      slots: 3,
      meaning: "the same in one list",
    },
  ];
}

/** Rows in, one copy each. */
export function expertCopies(frame: Frame): readonly Stream[] {
  const { load, streamed } = frame;
  return [
    ...(listsInHbm(frame) ? listsIn(frame) : []),
    {
      name: "rows_in",
      from: "HBM",
      to: "VMEM",
      remote: false,
      source: "token_rows",
      destination: "gathered_rows",
      issuedBy: "gather",
      awaitedBy: "await_gathered",
      semaphore: "rows_gathered",
      bytes: load.routedRows * load.sentRowBytes,
      copies: load.routedRows,
      slots: gatheredTiles(frame)[1],
      meaning: `rows of the next ${streamed ? "block" : "row tile"}, one by one`,
    },
  ];
}

/** Stages of the loop over experts beside the feed-forward itself. */
export function expertStages(frame: Frame): readonly Draft[] {
  const { layer, load, streamed } = frame;
  const overlaps = weightStreams(layer);
  const listed = listsInHbm(frame);
  const block = { per: "expert", trips: load.readExperts * load.reads, overlaps } as const;
  const tile = { per: "row tile", trips: load.rowTiles, overlaps } as const;
  return [
    ...(listed ? listStages(frame) : [mergeStage(frame)]),
    {
      name: "gather",
      ...(listed
        ? { place: "gather_listed", amid: true }
        : streamed
          ? { place: "gather_next" }
          : {}),
      meaning: `rows of the next ${streamed ? "block" : "row tile"} start`,
      reads: ["expert_entries"],
      writes: [],
      ...tile,
      loops: [ROW_TILES, rows(GROUP)],
    },
    {
      name: "await_gathered",
      meaning: "rows of this row tile are here",
      reads: [],
      writes: ["gathered_rows"],
      // A block's loop begins with it.
      ...(streamed ? block : tile),
      loops: [ROW_TILES, rows(GROUP)],
    },
  ];
}

/** Of lists in SMEM, with the first of an expert's rows. */
function mergeStage({ layer, load, streamed }: Frame): Draft {
  return {
    name: "merge",
    ...(streamed ? { place: "merge_next" } : {}),
    meaning: "the next expert's rows of all devices in one list; next weights start",
    reads: ["all_routes"],
    writes: ["expert_entries"],
    per: "expert",
    trips: load.readExperts * load.reads,
    overlaps: weightStreams(layer),
    loops: [DEVICES, { over: "rows of each device", each: UNROLL }],
  };
}

/** Of lists in HBM: one block's come, while those of the block before are joined. */
function listStages(frame: Frame): readonly Draft[] {
  const { layer, ep, sizes, load } = frame;
  const { blocks, copies } = chunksOf(frame);
  const block = {
    per: "expert",
    trips: load.readExperts * load.reads,
    overlaps: weightStreams(layer),
    amid: true,
  } as const;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const lists: DraftLoop = { over: "copies", each: 1, fixed: ep * sizes.lists };
  const chunks = (each: number): DraftLoop => ({
    over: "copies",
    each,
    fixed: Math.ceil(copies / blocks / each),
  });
  return [
    {
      name: "first_lists",
      meaning: "lists of the first block start",
      ...{ reads: ["first_entries", "item_experts", "item_first_rows"], writes: ["chunk_turns"] },
      ...pass,
      loops: [lists, chunks(1)],
    },
    {
      name: "first_rows",
      meaning: "rows of the first block start, and lists of the two after",
      ...{ reads: ["list_chunks", "chunk_turns", "chunks_started"], writes: ["merged_entries"] },
      ...pass,
      // Of the first block's rows, and of both blocks' lists.
      loops: [lists, chunks(1)],
    },
    {
      name: "merge",
      place: "merge_listed",
      meaning: "entries of the block after the next, out of the lists of all devices",
      reads: ["list_chunks", "chunk_turns", "chunks_started"],
      writes: ["merged_entries"],
      ...block,
      // One waits, the other joins.
      loops: [chunks(1), chunks(MERGED)],
    },
    {
      name: "bring_lists",
      meaning: "lists of the block after that start",
      reads: ["first_entries", "item_experts", "item_first_rows"],
      writes: ["chunk_turns", "chunks_started"],
      ...block,
      loops: [lists, chunks(1)],
    },
  ];
}
