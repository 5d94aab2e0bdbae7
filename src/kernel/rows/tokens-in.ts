/** This device's token rows: from HBM through a staging buffer, packed and perhaps quantised. */
import { tokenRows } from "../../spec/formats.ts";
import { dma, TWO, vmem } from "../declaration.ts";
import { GROUP } from "../loops.ts";
import type { Part } from "../part.ts";
import { rowBlocks } from "./blocks.ts";
import { rowsContext } from "./context.ts";
import { elementType, rowColumns } from "./types.ts";

export const tokensIn: Part = {
  modules: ({ layer }) =>
    tokenRows(layer) === undefined ? [] : [{ name: "rows", template: "kernel/rows/rows" }],
  context: rowsContext,
  blocks: rowBlocks,
  buffers: ({ layer, layout, sizes }) => [
    vmem(
      "staging",
      [TWO, ["s.chunk", sizes.chunk], rowColumns(layer, layout)],
      elementType(layer),
      "token or result rows between HBM and VMEM",
      2,
    ),
  ],
  semaphores: () => [dma("tokens_arrived", TWO, "token rows in staging")],
  streams: ({ sizes, load }) => [
    {
      name: "tokens_in",
      from: "HBM",
      to: "VMEM",
      remote: false,
      source: "tokens",
      destination: "staging",
      issuedBy: "load_rows",
      awaitedBy: "load_rows",
      semaphore: "tokens_arrived",
      bytes: sizes.passTokens * sizes.passes * load.rowBytes,
      copies: (sizes.passTokens / sizes.chunk) * sizes.passes,
      meaning: "this device's token rows",
    },
  ],
  stages: ({ layer, sizes }) => [
    {
      name: "load_rows",
      meaning:
        tokenRows(layer) === undefined
          ? "token rows from HBM, packed"
          : `token rows from HBM, quantised to ${tokenRows(layer)} and packed`,
      reads: ["tokens", "staging"],
      writes: ["staging", "gathered_rows", "token_rows"],
      per: "pass",
      trips: sizes.passes,
      loops: [
        { over: "own tokens", each: sizes.chunk },
        { over: "own tokens", each: GROUP },
      ],
    },
  ],
};
