/** Rows of the experts out of HBM, a row tile ahead of their use, and their results back there. */
import { type Dim, dma, FLOAT, hbm, smem, TWO } from "../../kernel/declaration.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { DEVICES, GROUP, ROW_TILES, rows, UNROLL } from "../../kernel/loops.ts";
import type { Draft } from "../../kernel/part.ts";
import { LANES, SUBLANES } from "../../kernel/rows/layout.ts";
import { weightStreams } from "../../kernel/weights/scales.ts";
import type { Stream } from "../../plan/plan.ts";

/** Sublanes of 8 result rows. */
export function resultGroup({ layout }: Pick<KernelInput, "layout">): number {
  return layout.sumRow * layout.tilePitch;
}

/** Groups of 8 result rows that a device has at most, each expert's own: whatever the routing. */
function resultGroups({ layer, ep, sizes }: KernelInput): number {
  const local = layer.experts / ep;
  return Math.floor((sizes.allTokens * Math.min(layer.topK, local)) / SUBLANES) + local;
}

/** Results of all local experts in HBM, and lists of an expert and of the next one. */
export function expertBuffers(input: KernelInput) {
  const { layer, sizes } = input;
  const results: Dim = ["s.result_groups * RESULT_GROUP", resultGroups(input) * resultGroup(input)];
  const lists: Dim = ["2 * s.list_words", 2 * (sizes.allTokens + GROUP)];
  const runs: Dim = ["LOCAL_EXPERTS * EP_SIZE", layer.experts];
  const where =
    "results of local experts, by expert and by token, in tiles of 8 rows by 128 columns";
  return [
    hbm("results", [results, ["LANES", LANES]], FLOAT, where),
    smem("expert_entries", [lists], "tokens of an expert, and of the next one"),
    smem("run_rows", [runs], "first result row of each device's entries, by local expert"),
    smem("groups_written", [TWO], "groups of 8 result rows on their way, by slot"),
  ];
}

export const expertSemaphores = [
  dma("rows_gathered", TWO, "rows of a row tile side by side"),
  dma("results_written", TWO, "results left their slot"),
];

/** Rows in, one copy each; results out, a row tile at once. */
export function expertCopies(frame: Frame): readonly Stream[] {
  const { load } = frame;
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
      slots: 2,
      meaning: "rows of the next row tile, one by one",
    },
    {
      name: "results_out",
      from: "VMEM",
      to: "HBM",
      remote: false,
      source: "result_tiles",
      destination: "results",
      issuedBy: "write_results",
      awaitedBy: "await_results",
      semaphore: "results_written",
      bytes: (load.routedRows / SUBLANES) * resultGroup(frame) * LANES * 4,
      copies: load.rowTiles,
      slots: 2,
      meaning: "results of a row tile, in the order of the experts",
    },
  ];
}

/** Stages of the loop over experts beside the feed-forward itself. */
export function expertStages({ layer, load }: Frame): readonly Draft[] {
  const overlaps = weightStreams(layer);
  const tile = { per: "row tile", trips: load.rowTiles, overlaps } as const;
  return [
    {
      name: "merge",
      meaning: "the next expert's tokens of all devices in one list; next weights start",
      reads: ["all_routes"],
      writes: ["expert_entries", "run_rows"],
      per: "expert",
      trips: load.readExperts * load.reads,
      loops: [DEVICES, { over: "rows of each device", each: UNROLL }],
      overlaps,
    },
    {
      name: "gather",
      meaning: "rows of the next row tile start",
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
      ...tile,
      loops: [ROW_TILES, rows(GROUP)],
    },
    {
      name: "await_results",
      meaning: "results of the last row tile but one have left",
      reads: [],
      writes: [],
      ...tile,
    },
    {
      name: "write_results",
      meaning: "results of this row tile start on their way to HBM",
      reads: ["result_tiles"],
      writes: ["results"],
      ...tile,
    },
  ];
}
