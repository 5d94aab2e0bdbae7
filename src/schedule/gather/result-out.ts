/** The devices' sums of this device's tokens, added up, rounded and written. */
import { dma, TWO } from "../../kernel/declaration.ts";
import { GROUP } from "../../kernel/loops.ts";
import type { Part } from "../../kernel/part.ts";

export const resultOut: Part = {
  context: ({ layer, mesh }) => {
    const narrow = layer.wire?.combine !== undefined;
    const own = narrow ? "token_rows" : "token_sums";
    return {
      outputDoes: narrow ? "Adds up" : "Rounds",
      outputReads: `${own}, block \`me\`${narrow && mesh.ep > 1 ? ", and arrived_sums" : ""}`,
    };
  },
  semaphores: () => [dma("output_written", TWO, "result rows left staging")],
  streams: ({ sizes, load }) => [
    {
      name: "output_out",
      from: "VMEM",
      to: "HBM",
      remote: false,
      source: "staging",
      destination: "output",
      issuedBy: "write_output",
      awaitedBy: "write_output",
      semaphore: "output_written",
      bytes: sizes.passTokens * sizes.passes * load.rowBytes,
      copies: (sizes.passTokens / sizes.chunk) * sizes.passes,
      meaning: "result rows",
    },
  ],
  stages: ({ layer, ep, sizes }) => {
    const narrow = layer.wire?.combine !== undefined;
    const own = narrow ? "token_rows" : "token_sums";
    return [
      {
        name: "write_output",
        meaning: narrow ? "sums added up, rounded and written" : "sums rounded and written",
        reads: narrow ? [own, "arrived_sums"] : [own],
        writes: ["gathered_rows", "staging", "output"],
        waits: ep > 1 ? ["sums_out"] : [],
        per: "pass",
        trips: sizes.passes,
        loops: [
          { over: "own tokens", each: sizes.chunk },
          { over: "own tokens", each: GROUP },
        ],
        flops: narrow ? (ep - 1) * (sizes.passTokens * sizes.passes) * layer.hidden : 0,
      },
    ];
  },
};
