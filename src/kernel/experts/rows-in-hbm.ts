/**
 * Rows of the experts out of HBM: a row tile ahead of their use, or a block where the weights stream
 * by. Those of a block are the operand before the next ones come.
 */

import type { Stream } from "../../plan/plan.ts";
import { type Dim, dma, smem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { DEVICES, GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft } from "../part.ts";
import { gatheredTiles } from "../rows/gathered.ts";
import { weightStreams } from "../weights/scales.ts";

/** Lists of an expert and of the next one. */
export function expertBuffers({ sizes }: KernelInput) {
  const lists: Dim = ["2 * s.list_words", 2 * (sizes.allTokens + GROUP)];
  return [smem("expert_entries", [lists], "entries of an expert, and of the next one")];
}

/** One for each row tile that rows come to. */
export function expertSemaphores(input: KernelInput) {
  return [dma("rows_gathered", gatheredTiles(input), "rows of a row tile side by side")];
}

/** Rows in, one copy each. */
export function expertCopies(frame: Frame): readonly Stream[] {
  const { load, streamed } = frame;
  return [
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
export function expertStages({ layer, load, streamed }: Frame): readonly Draft[] {
  const overlaps = weightStreams(layer);
  const block = { per: "expert", trips: load.readExperts * load.reads, overlaps } as const;
  const tile = { per: "row tile", trips: load.rowTiles, overlaps } as const;
  return [
    {
      name: "merge",
      ...(streamed ? { place: "merge_next" } : {}),
      meaning: "the next expert's rows of all devices in one list; next weights start",
      reads: ["all_routes"],
      writes: ["expert_entries"],
      ...block,
      loops: [DEVICES, { over: "rows of each device", each: UNROLL }],
    },
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
