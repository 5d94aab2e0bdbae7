/**
 * Sums out of HBM and back, a row for each entry: a block's come while its products run. What an expert
 * has not written yet the next one must not read: a block's sums come when those of the last have left.
 */

import type { Stream } from "../../plan/plan.ts";
import { dma, FLOAT, ONE, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { GROUP, rows } from "../loops.ts";
import type { Draft } from "../part.ts";
import { LANES } from "../rows/layout.ts";
import { weightStreams } from "../weights/scales.ts";

/** Sums of a block of rows. */
export function sumsBuffers({ layout, tiles }: KernelInput) {
  const held = ["s.row_block * SUM_PITCH", tiles.rowBlock * layout.sumPitch] as const;
  return [vmem("block_sums", [held, ["LANES", LANES]], FLOAT, "sums of the tokens of a block")];
}

/** Of the copies there and of those back. */
export function sumsSemaphores() {
  return [
    dma("sums_brought", ONE, "sums of a block's tokens in block_sums"),
    dma("sums_kept", ONE, "sums of a block's tokens back in token_sums"),
  ];
}

/** There and back, one copy a row. */
export function sumsCopies({ layout, load }: Frame): readonly Stream[] {
  const each = {
    remote: false,
    bytes: load.routedRows * layout.sumPitch * LANES * 4,
    copies: load.routedRows,
    slots: 1,
    withBlock: true,
  } as const;
  return [
    {
      ...{ name: "sums_in", from: "HBM", to: "VMEM", ...each },
      ...{ source: "token_sums", destination: "block_sums" },
      ...{ issuedBy: "bring_sums", awaitedBy: "await_sums", semaphore: "sums_brought" },
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
export function sumsStages({ layer, load, sizes, tiles }: Frame): readonly Draft[] {
  const block = {
    per: "expert",
    trips: load.readExperts * load.reads,
    loops: [rows(GROUP)],
    overlaps: weightStreams(layer),
  } as const;
  return [
    {
      name: "bring_sums",
      meaning: "sums of the last block's tokens have left; those of this one start",
      reads: ["expert_entries"],
      writes: [],
      ...block,
      // One waits, the other starts.
      loops: [rows(GROUP), rows(GROUP)],
    },
    {
      name: "await_sums",
      meaning: "sums of the block's tokens are here",
      reads: [],
      writes: ["block_sums"],
      ...block,
    },
    {
      name: "keep_sums",
      meaning: "sums of the block's tokens start on their way back",
      reads: ["expert_entries", "block_sums"],
      writes: ["token_sums"],
      ...block,
    },
    {
      name: "last_sums",
      meaning: "sums of the last block's tokens have left",
      reads: [],
      writes: ["token_sums"],
      waits: ["sums_back"],
      per: "pass",
      trips: sizes.passes,
      loops: [{ ...rows(GROUP), fixed: Math.min(load.typicalRows, tiles.rowBlock) / GROUP }],
    },
  ];
}
