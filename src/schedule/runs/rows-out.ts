/** Token rows to the devices that have an expert for them, side by side. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import { type BufferDeclaration, type Dim, dma, ONE, vmem } from "../../kernel/declaration.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import type { DraftLoop } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { heldRows, wordType } from "../../kernel/rows/types.ts";
import { inHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { crossingGroups } from "./expected.ts";
import { runRows } from "./run-rows.ts";

/** One trip for each chip that rows go to straight, or come from; and for each group of those. */
export function crossing(frame: Frame): readonly [DraftLoop, DraftLoop] {
  const chips = frame.ep / chipDevices(frame) - 1;
  return [
    { over: "copies", each: 1, fixed: chips },
    { over: "copies", each: 1, fixed: crossingGroups(frame, runRows(frame)) },
  ];
}

/** Name of the sublanes of the longer of a row and its sums. */
export function runRow({ row, partRow }: KernelInput["layout"]): "ROW" | "PART_ROW" {
  return row >= partRow ? "ROW" : "PART_ROW";
}

function buffers({ layout, ep, sizes, rows: held }: KernelInput): readonly BufferDeclaration[] {
  // In HBM they lie with their sums.
  if (inHbm(held)) return [];
  const lanes: Dim = ["LANES", LANES];
  const rows = vmem(
    "token_rows",
    [heldRows(layout, sizes.allTokens + 1), lanes],
    wordType(layout),
    "packed token rows of this device, of others by device, and one that no token owns; then sums on their way",
  );
  if (ep === 1) return [rows];
  const sublanes = sizes.passTokens * Math.max(layout.row, layout.partRow);
  const run: readonly Dim[] = [
    ["EP_SIZE", ep],
    [`s.pass_tokens * ${runRow(layout)}`, sublanes],
    lanes,
  ];
  const meaning = "by device: packed token rows that go there, then their sums that come back";
  return [rows, vmem("runs", run, wordType(layout), meaning)];
}

function rowsOutOf(frame: Frame): Stream {
  const each = runRows(frame);
  const groups = crossingGroups(frame, each) * frame.sizes.passes;
  const byChips = chipDevices(frame) > 1;
  const held = inHbm(frame.rows);
  const space = held ? "HBM" : "VMEM";
  return {
    name: "rows_out",
    from: space,
    to: space,
    remote: true,
    source: held ? "token_rows" : "runs",
    destination: "token_rows",
    issuedBy: "send_rows",
    awaitedBy: byChips ? "await_chips" : "await_rows",
    semaphore: "rows_sent, rows_arrived",
    bytes: groups * each * frame.load.sentRowBytes,
    // From HBM one by one.
    copies: groups * (held ? each : 1),
    ...(byChips ? { reach: "other chips" } : {}),
    meaning: `token rows to each ${byChips ? "chip" : "device"} that needs them`,
  };
}

function stages(frame: Frame): readonly Draft[] {
  const { passes } = frame.sizes;
  const pass = { per: "pass", trips: passes } as const;
  const loops = crossing(frame);
  const held = inHbm(frame.rows);
  return [
    {
      name: "send_rows",
      meaning: held
        ? "rows of each run on their way, one by one"
        : "rows of each run side by side, and on their way",
      reads: ["token_rows", "leaving_tokens", "rows_leaving"],
      writes: held ? [] : ["runs"],
      ...pass,
      loops,
    },
    held
      ? awaitByBlock(frame)
      : {
          name: chipDevices(frame) > 1 ? "await_chips" : "await_rows",
          meaning: "rows that are sent here straight have come",
          reads: ["rows_coming"],
          writes: ["token_rows"],
          ...pass,
          loops,
        },
  ];
}

/** Until none is on its way from here; on chips of two nor what was handed on and back. */
export function awaitRowsSent(frame: Frame): Draft {
  const handed = chipDevices(frame) > 1;
  return {
    name: "await_rows_sent",
    meaning: "own rows and routes have left: the next pass's take their place",
    reads: ["rows_leaving", ...(handed ? ["rows_coming"] : [])],
    writes: [],
    waits: ["rows_out", "routes_out", ...(handed ? ["rows_handed", "sums_handed"] : [])],
    per: "pass",
    trips: frame.sizes.passes,
    loops: crossing(frame),
  };
}

/** One after the other, each with the first block that has some of its rows. */
function awaitByBlock(frame: Frame): Draft {
  const peers = frame.ep - 1;
  const fixed = (count: number): DraftLoop => ({ over: "copies", each: 1, fixed: count });
  return {
    name: "await_rows",
    place: "rows_next",
    meaning: "rows of the devices that the next block has rows of have come",
    reads: ["rows_coming", "rows_awaited"],
    writes: ["token_rows", "rows_awaited"],
    per: "expert",
    trips: peers * frame.sizes.passes,
    sources: "awaited",
    loops: [fixed(1), fixed(crossingGroups(frame, runRows(frame)) / peers)],
  };
}

export const rowsOut: Part = {
  buffers,
  semaphores: ({ ep }) =>
    ep === 1
      ? []
      : [
          dma("rows_sent", ONE, "token rows left"),
          dma("rows_arrived", ["EP_SIZE", ep], "token rows of a device arrived"),
        ],
  streams: (frame) => (frame.ep === 1 ? [] : [rowsOutOf(frame)]),
  stages: (frame) => (frame.ep === 1 ? [] : stages(frame)),
};
