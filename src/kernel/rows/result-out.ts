/** The devices' sums of this device's tokens, added up, rounded and written. */
import { goByNeed, inHbm, withSums } from "../../plan/call.ts";
import { defined } from "../../spec/defined.ts";
import { dma, TWO } from "../declaration.ts";
import { passesOverlap } from "../frame.ts";
import { GROUP } from "../loops.ts";
import type { Part } from "../part.ts";
import { addedWhenWritten } from "./types.ts";

export const resultOut: Part = {
  context: ({ layer, mesh, kernels }) => {
    const byNeed = goByNeed(kernels);
    const straight = addedWhenWritten({ layer, ep: mesh.ep, ...defined({ byNeed }) });
    return {
      outputDoes: straight ? "Adds up" : "Rounds",
      outputReads: straight ? "token_rows, block `me`, and arrived_sums" : "token_sums, block `me`",
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
  stages: (frame) => {
    const { layer, ep, sizes, rows } = frame;
    const ofSums = inHbm(rows) || passesOverlap(frame);
    const staged = withSums(rows) ? ["staged_sums"] : [];
    const straight = addedWhenWritten(frame);
    return [
      {
        name: "write_output",
        meaning: straight ? "sums added up, rounded and written" : "sums rounded and written",
        reads: straight ? ["token_rows", "arrived_sums"] : ["token_sums"],
        writes: ofSums ? [...staged, "staging", "output"] : ["gathered_rows", "staging", "output"],
        waits: ep > 1 ? ["sums_out"] : [],
        per: "pass",
        trips: sizes.passes,
        loops: [
          { over: "own tokens", each: sizes.chunk },
          { over: "own tokens", each: GROUP },
        ],
        flops: straight ? (ep - 1) * (sizes.passTokens * sizes.passes) * layer.hidden : 0,
      },
    ];
  },
};
