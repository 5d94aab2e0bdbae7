/** This device's token rows: from HBM through a staging buffer, packed and perhaps quantised. */

import { inHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { dma, TWO, vmem } from "../declaration.ts";
import type { Sizes } from "../frame.ts";
import { GROUP } from "../loops.ts";
import type { Part } from "../part.ts";
import { rowBlocks } from "./blocks.ts";
import { rowsContext } from "./context.ts";
import { LANES, type Layout } from "./layout.ts";
import { elementType, rowColumns, wordType } from "./types.ts";

/** Own rows, packed, to their place among those of all devices. */
function heldOf(layout: Layout, { passTokens, passes, chunk }: Sizes): Stream {
  return {
    name: "rows_out_of_staging",
    from: "VMEM",
    to: "HBM",
    remote: false,
    source: "packed_rows",
    destination: "token_rows",
    issuedBy: "load_rows",
    awaitedBy: "load_rows",
    semaphore: "rows_held",
    bytes: passTokens * passes * layout.row * LANES * 4,
    copies: (passTokens / chunk) * passes,
    meaning: "this device's packed rows to those of all devices",
  };
}

export const tokensIn: Part = {
  modules: ({ layer }) =>
    tokenRows(layer) === undefined ? [] : [{ name: "rows", template: "kernel/rows/rows" }],
  context: rowsContext,
  blocks: rowBlocks,
  buffers: ({ layer, layout, sizes, rows }) => [
    vmem(
      "staging",
      [TWO, ["s.chunk", sizes.chunk], rowColumns(layer, layout)],
      elementType(layer),
      "token or result rows between HBM and VMEM",
      2,
    ),
    ...(inHbm(rows)
      ? [
          vmem(
            "packed_rows",
            [TWO, ["s.chunk * ROW", sizes.chunk * layout.row], ["LANES", LANES]],
            wordType(layout),
            "packed token rows on their way to those of all devices",
            2,
          ),
        ]
      : []),
  ],
  semaphores: ({ rows }) => [
    dma("tokens_arrived", TWO, "token rows in staging"),
    ...(inHbm(rows) ? [dma("rows_held", TWO, "packed token rows in HBM")] : []),
  ],
  streams: ({ layout, sizes, load, rows }) => [
    {
      name: "tokens_in",
      from: "HBM",
      to: "VMEM",
      remote: false,
      source: "tokens",
      destination: "staging",
      issuedBy: "first_weights",
      awaitedBy: "load_rows",
      semaphore: "tokens_arrived",
      bytes: sizes.passTokens * sizes.passes * load.rowBytes,
      copies: (sizes.passTokens / sizes.chunk) * sizes.passes,
      meaning: "this device's token rows",
    },
    ...(inHbm(rows) ? [heldOf(layout, sizes)] : []),
  ],
  stages: ({ layer, sizes, rows }) => [
    {
      name: "load_rows",
      meaning:
        tokenRows(layer) === undefined
          ? "token rows from HBM, packed"
          : `token rows from HBM, quantised to ${tokenRows(layer)} and packed`,
      reads: ["tokens", "staging"],
      writes: ["staging", inHbm(rows) ? "packed_rows" : "gathered_rows", "token_rows"],
      // Of further passes, and chunks beyond those that staging holds.
      starts: ["tokens_in"],
      per: "pass",
      trips: sizes.passes,
      loops: [
        { over: "own tokens", each: sizes.chunk },
        { over: "own tokens", each: GROUP },
      ],
    },
  ],
};
