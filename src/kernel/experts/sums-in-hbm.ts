/**
 * Sums out of HBM and back, a row for each entry: a block's come while its products run. What an expert
 * has not written yet the next one must not read: a block's sums come when those of the last have left.
 *
 * Of a block of many rows the first groups come so; the others when its products are made, each in the place of one
 * that is back. Sums are as wide as results: with those of all its rows VMEM would hold fewer of them.
 */

import { listsInHbm, sumsInHbm } from "../../plan/call.ts";
import type { Plan, Stream, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { type Dim, dma, FLOAT, ONE, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { type DraftLoop, GROUP, rows } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { LANES, type Layer, type Layout } from "../rows/layout.ts";
import { weightStreams } from "../weights/scales.ts";

/** What goes between VMEM and HBM around the products and `combine`. */
export type AroundCombine = Required<Pick<Part, "buffers" | "semaphores" | "streams" | "stages">>;

/** Bytes of a block's sums that are at hand at a time, and groups of its rows that have them, at most. */
const MOST_BYTES = 4 * 2 ** 20;
const MOST_SLOTS = 32;

/** Groups of results on their way to HBM at most: nothing else waits for them. */
export const MOST_RESULT_SLOTS = 8;

/** Groups of a block's rows whose sums are at hand at a time: `sum_slots` of the tile table. */
export function sumSlots({ sumRow }: Pick<Layout, "sumRow">): number {
  const group = GROUP * sumRow * LANES * 4;
  return Math.min(MOST_SLOTS, Math.max(2, Math.floor(MOST_BYTES / group)));
}

/** The same as a tile, of kernels that have it. */
export function ownSumSlots(
  input: Pick<KernelInput, "layer" | "layout" | "rows">,
): TileChoice["own"] {
  if (input.rows === "hbm with results") return { sum_slots: MOST_RESULT_SLOTS };
  return input.rows === "hbm with sums" && sumsByGroup(input.layer)
    ? { sum_slots: sumSlots(input.layout) }
    : {};
}

/** Its field and rule. */
export function sumSlotsTile(plan: Plan): TileTable {
  if (!combinesByGroup(plan)) return { fields: [], rules: [] };
  const meaning = "groups of a block's rows whose sums, or results, are at hand at a time";
  return {
    fields: [{ name: "sum_slots", type: "int", meaning }],
    rules: [{ name: "sum_slots", python: "self.sum_slots >= 1", text: "at least 1" }],
  };
}

/** Whether sums come by groups of rows: shared experts take those of a block of tokens at once. */
export function sumsByGroup({ sharedExperts }: Pick<Layer, "sharedExperts">): boolean {
  return sharedExperts === undefined;
}

/** The same of a plan's kernels, if their sums lie in HBM. */
export function combinesByGroup({ layer, kernels }: Pick<Plan, "layer" | "kernels">): boolean {
  return sumsInHbm(kernels) && sumsByGroup(layer);
}

/** Rows of a block whose sums are at hand at a time. */
function atHand({ layer, layout, tiles }: Pick<KernelInput, "layer" | "layout" | "tiles">): number {
  return sumsByGroup(layer) ? Math.min(tiles.rowBlock, GROUP * sumSlots(layout)) : tiles.rowBlock;
}

/** Sums of a block of rows, or of as many groups of them as have slots. */
function sumsBuffers(input: KernelInput) {
  const { layer, layout } = input;
  const held: Dim = sumsByGroup(layer)
    ? ["s.group_slots * ROW_GROUP * SUM_ROW", atHand(input) * layout.sumRow]
    : ["s.row_block * SUM_PITCH", atHand(input) * layout.sumPitch];
  return [vmem("block_sums", [held, ["LANES", LANES]], FLOAT, "sums of the tokens of a block")];
}

/** Of the copies there and of those back. */
function sumsSemaphores(input: KernelInput) {
  const count: Dim = sumsByGroup(input.layer) ? ["s.group_slots", atHand(input) / GROUP] : ONE;
  return [
    dma("sums_brought", count, "sums of a block's tokens in block_sums"),
    dma("sums_kept", count, "sums of a block's tokens back in token_sums"),
  ];
}

/** There and back, one copy a row. */
function sumsCopies(frame: Frame): readonly Stream[] {
  const { layer, layout, load } = frame;
  const each = {
    remote: false,
    bytes: load.routedRows * layout.sumRow * LANES * 4,
    copies: load.routedRows,
    slots: 1,
    withBlock: true,
  } as const;
  return [
    {
      ...{ name: "sums_in", from: "HBM", to: "VMEM", ...each },
      ...{ source: "token_sums", destination: "block_sums" },
      ...{ issuedBy: "bring_sums", awaitedBy: "await_sums", semaphore: "sums_brought" },
      ...(sumsByGroup(layer) ? { atOnce: atHand(frame) } : {}),
      meaning: "sums of a block's tokens, one by one",
    },
    {
      ...{ name: "sums_back", from: "VMEM", to: "HBM", ...each },
      ...{ source: "block_sums", destination: "token_sums" },
      ...{ issuedBy: "keep_sums", awaitedBy: "bring_sums", semaphore: "sums_kept" },
      meaning: "the same with the block's results added",
    },
  ];
}

/** Around the products and `combine`. */
function sumsStages(frame: Frame): readonly Draft[] {
  const { layer, load, sizes, tiles } = frame;
  const byGroup = sumsByGroup(layer);
  const blockRows = Math.min(load.typicalRows, tiles.rowBlock);
  const first = Math.min(blockRows, atHand(frame));
  const groups = (of: number): DraftLoop => ({ ...rows(GROUP), fixed: of / GROUP });
  const block = {
    per: "expert",
    trips: load.readExperts * load.reads,
    loops: [byGroup ? groups(first) : rows(GROUP)],
    overlaps: weightStreams(layer),
  } as const;
  const each = byGroup ? eachGroup(frame) : block;
  return [
    {
      name: "bring_sums",
      meaning: "sums of the last block's tokens have left; those of this one start",
      reads: ["expert_entries"],
      writes: [],
      ...(listsInHbm(frame) ? { amid: true as const } : {}),
      ...block,
      // One waits, the other starts.
      loops: [...block.loops, ...block.loops],
    },
    {
      name: "await_sums",
      meaning: "sums of the block's tokens are here",
      reads: [],
      writes: ["block_sums"],
      ...each,
    },
    {
      name: "keep_sums",
      meaning: "sums of the block's tokens start on their way back",
      reads: ["expert_entries", "block_sums"],
      writes: ["token_sums"],
      ...each,
    },
    ...(byGroup ? [moreSums(frame)] : []),
    {
      name: "last_sums",
      meaning: "sums of the last block's tokens have left",
      reads: [],
      writes: ["token_sums"],
      waits: ["sums_back"],
      per: "pass",
      trips: sizes.passes,
      loops: [groups(byGroup ? first : blockRows)],
    },
  ];
}

/** What runs once for each group of a block's rows. */
export function eachGroup({
  layer,
  load,
  tiles,
}: Frame): Pick<Draft, "per" | "each" | "trips" | "loops" | "overlaps"> {
  const groups = Math.ceil(Math.min(load.typicalRows, tiles.rowBlock) / GROUP);
  return {
    per: "expert",
    each: GROUP,
    trips: load.readExperts * load.reads * groups,
    // The loop that it stands in.
    loops: [{ ...rows(GROUP), fixed: 1, around: true }],
    overlaps: weightStreams(layer),
  };
}

function moreSums(frame: Frame): Draft {
  return {
    name: "more_sums",
    meaning: "sums of an earlier group have left, and those of a later one start",
    reads: ["expert_entries"],
    writes: [],
    waits: ["sums_back"],
    starts: ["sums_in"],
    ...eachGroup(frame),
  };
}

/** What a block's sums add to the loop over experts. */
export const blockSums: AroundCombine = {
  buffers: sumsBuffers,
  semaphores: sumsSemaphores,
  streams: sumsCopies,
  stages: sumsStages,
};
