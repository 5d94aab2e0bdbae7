/** All-gather of token rows: every device receives all rows of a pass. */
import { dma, ONE, vmem } from "../../kernel/declaration.ts";
import { PEERS } from "../../kernel/loops.ts";
import type { Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { heldRows, wordType } from "../../kernel/rows/types.ts";

export const rowsOut: Part = {
  buffers: ({ layout, sizes }) => [
    vmem(
      "token_rows",
      [heldRows(layout, sizes.allTokens + 1), ["LANES", LANES]],
      wordType(layout),
      "packed token rows of all devices and one that no token owns; then sums on their way",
    ),
  ],
  semaphores: ({ ep }) =>
    ep === 1
      ? []
      : [
          dma("rows_sent", ONE, "own token rows left"),
          dma("rows_arrived", ["EP_SIZE", ep], "token rows of a device arrived"),
        ],
  streams: ({ ep, sizes, load }) =>
    ep === 1
      ? []
      : [
          {
            name: "rows_out",
            from: "VMEM",
            to: "VMEM",
            remote: true,
            source: "token_rows",
            destination: "token_rows",
            issuedBy: "all_gather_rows",
            awaitedBy: "await_rows",
            semaphore: "rows_sent, rows_arrived",
            bytes: (ep - 1) * sizes.passTokens * sizes.passes * load.sentRowBytes,
            copies: (ep - 1) * sizes.passes,
            meaning: "token rows to every other device",
          },
        ],
  stages: ({ ep, sizes }) => {
    if (ep === 1) return [];
    const pass = { per: "pass", trips: sizes.passes, loops: [PEERS] } as const;
    return [
      {
        name: "all_gather_rows",
        meaning: "start sending the rows to every other device",
        reads: ["token_rows"],
        writes: [],
        ...pass,
        overlaps: ["route", "sort", "exchange_routes", "active_experts", "zero_sums"],
      },
      {
        name: "await_rows",
        meaning: "rows of all devices are here",
        reads: [],
        writes: ["token_rows"],
        ...pass,
      },
    ];
  },
};
