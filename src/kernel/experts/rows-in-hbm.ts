/**
 * Rows of the experts out of HBM: a row tile ahead of their use, or a block where the weights stream
 * by. Those of a block are the operand before the next ones come.
 */

import { listsInHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { type Dim, dma, ONE, smem } from "../declaration.ts";
import type { Frame, KernelInput, Sizes } from "../frame.ts";
import { DEVICES, type DraftLoop, GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft } from "../part.ts";
import { listChunks } from "../routing/words.ts";
import { gatheredTiles } from "../rows/gathered.ts";
import { LANES } from "../rows/layout.ts";
import { weightStreams } from "../weights/scales.ts";

/** Lists of an expert and of the next one; or of a block of rows, out of what came of lists in HBM. */
export function expertBuffers(input: KernelInput) {
  const { sizes, layer, ep, tiles } = input;
  if (!listsInHbm(input)) {
    const lists: Dim = ["2 * s.list_words", 2 * (sizes.allTokens + GROUP)];
    return [smem("expert_entries", [lists], "entries of an expert, and of the next one")];
  }
  const lists: Dim = ["2 * s.list_words", 2 * (tiles.rowBlock + GROUP)];
  const chunks: readonly Dim[] = [
    ["s.list_windows", listWindows(layer, sizes, ep, tiles.rowBlock)],
    ["2", 2],
    ["LANES", LANES],
  ];
  return [
    smem(
      "expert_entries",
      [lists],
      "entries of a block of an expert's rows, and of the next block",
    ),
    smem("expert_weights", [lists], "their weights, as float32 bits"),
    smem("list_chunks", chunks, "chunks of lists with the entries of a block"),
    smem("chunks_started", [ONE], "how many of them are on their way"),
  ];
}

/** Chunks in which a block's entries may lie: of each list those that it ends in, and one that is read beyond. */
function listWindows(
  layer: KernelInput["layer"],
  { lists, listTokens }: Sizes,
  ep: number,
  rowBlock: number,
): number {
  const all = ep * lists;
  const { entries } = listChunks(layer, listTokens);
  return Math.min(Math.floor(rowBlock / LANES) + 2 * all, all * entries) + 1;
}

/** One for each row tile that rows come to. */
export function expertSemaphores(input: KernelInput) {
  const gathered = dma("rows_gathered", gatheredTiles(input), "rows of a row tile side by side");
  if (!listsInHbm(input)) return [gathered];
  return [dma("lists_brought", ONE, "chunks of lists with a block's entries"), gathered];
}

/** Lists in, as many chunks as a block's entries lie in: of most lists one more than they fill. */
function listsIn({ load, ep, sizes }: Frame): Stream {
  const blocks = Math.max(1, load.readExperts * load.reads);
  const part = Math.min(ep * sizes.lists, load.routedRows / blocks);
  const copies = load.routedRows / LANES + blocks * part;
  return {
    name: "lists_in",
    from: "HBM",
    to: "SMEM",
    remote: false,
    source: "routes",
    destination: "list_chunks",
    issuedBy: "bring_lists",
    awaitedBy: "merge",
    semaphore: "lists_brought",
    bytes: copies * 2 * LANES * 4,
    copies,
    slots: 1,
    meaning: "entries of the next block, and their weights",
  };
}

/** Rows in, one copy each. */
export function expertCopies(frame: Frame): readonly Stream[] {
  const { load, streamed } = frame;
  return [
    ...(listsInHbm(frame) ? [listsIn(frame)] : []),
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
  const { layer, ep, sizes, load, streamed } = frame;
  const overlaps = weightStreams(layer);
  const listed = listsInHbm(frame);
  const lists: DraftLoop = { over: "copies", each: 1, fixed: ep * sizes.lists };
  const block = { per: "expert", trips: load.readExperts * load.reads, overlaps } as const;
  const tile = { per: "row tile", trips: load.rowTiles, overlaps } as const;
  return [
    {
      name: "merge",
      ...(streamed ? { place: "merge_next" } : {}),
      meaning: listed
        ? "entries of the next block of rows, out of the lists of all devices"
        : "the next expert's rows of all devices in one list; next weights start",
      reads: listed ? ["list_chunks", "first_entries", "chunks_started"] : ["all_routes"],
      writes: ["expert_entries", ...(listed ? ["expert_weights"] : [])],
      ...block,
      // A block's entries, in what lists have of them; or all of the expert's.
      loops: listed
        ? [lists, rows(UNROLL)]
        : [DEVICES, { over: "rows of each device", each: UNROLL }],
    },
    ...(listed
      ? [
          {
            name: "bring_lists",
            place: "lists_next",
            meaning: "lists of the block after that start",
            reads: ["first_entries", "item_experts", "item_first_rows"],
            writes: ["chunks_started"],
            ...block,
            loops: [lists],
          },
        ]
      : []),
    {
      name: "gather",
      ...(streamed ? { place: "gather_next" } : {}),
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
