/** Reduce-scatter of partial sums: each device returns the sums of others' tokens to them. */
import { type Dim, dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { DEVICES, type DraftLoop, GROUP, PEERS, UNROLL } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { needsPassBarrier, packedPart, wordType } from "../../kernel/rows/types.ts";

const lanes: Dim = ["LANES", LANES];

function buffers({ layer, layout, ep, sizes: s }: KernelInput) {
  const row = packedPart(layer);
  const block: Dim = [`s.pass_tokens * ${row}`, s.passTokens * layout.partRow];
  const sums: Dim = ["(s.all_tokens + 1) * SUM_ROW", (s.allTokens + 1) * layout.sumRow];
  return [
    ...(ep === 1
      ? []
      : [
          vmem(
            "arrived_sums",
            [["EP_SIZE", ep], block, lanes],
            wordType(layout),
            "packed partial sums of this device's tokens, by sender",
          ),
        ]),
    vmem("token_sums", [sums, lanes], FLOAT, "weighted sums of local experts' results by token"),
  ];
}

/** Own sums are quantised like the others. */
function loopsOf(narrow: boolean): readonly DraftLoop[] {
  return narrow
    ? [DEVICES, { over: "all tokens", each: GROUP }]
    : [PEERS, { over: "peer tokens", each: UNROLL }];
}

function reduceScatter({ layer, sizes }: Frame): Draft {
  const narrow = layer.wire?.combine !== undefined;
  return {
    name: "reduce_scatter",
    meaning: narrow
      ? "sums quantised to int8, and to the tokens' devices"
      : "sums to the tokens' devices",
    reads: ["token_sums"],
    writes: [...(narrow ? ["gathered_rows"] : []), "token_rows", "arrived_sums"],
    waits: ["rows_out", "routes_out"],
    per: "pass",
    trips: sizes.passes,
    loops: loopsOf(narrow),
  };
}

export const sumsOut: Part = {
  modules: ({ layer }) =>
    layer.wire?.combine === undefined
      ? []
      : [{ name: "partial_sums", template: "gather/partial_sums" }],
  context: ({ layer }) => ({
    arrivedWhere: packedPart(layer) === "PART_ROW" ? "there" : "of the tokens' devices",
  }),
  buffers,
  semaphores: ({ ep }) =>
    ep === 1
      ? []
      : [
          dma("sums_sent", ONE, "partial sums left"),
          dma("sums_arrived", ["EP_SIZE", ep], "partial sums of a device arrived"),
        ],
  streams: ({ ep, sizes, load }) =>
    ep === 1
      ? []
      : [
          {
            name: "sums_out",
            from: "VMEM",
            to: "VMEM",
            remote: true,
            source: "token_rows",
            destination: "arrived_sums",
            issuedBy: "reduce_scatter",
            awaitedBy: "reduce_scatter",
            semaphore: "sums_sent, sums_arrived",
            bytes: (ep - 1) * sizes.passTokens * sizes.passes * load.partRowBytes,
            copies: (ep - 1) * sizes.passes,
            meaning: "partial sums back to the tokens' devices",
          },
        ],
  stages: (frame) => {
    const { layer, ep, sizes } = frame;
    const zero: Draft = {
      name: "zero_sums",
      meaning: "clear the sums",
      reads: [],
      writes: ["token_sums"],
      per: "pass",
      trips: sizes.passes,
      loops: [{ over: "all tokens", each: GROUP }],
    };
    if (ep === 1) return [zero];
    const more = sizes.passes > 1 && needsPassBarrier(layer);
    const meaning = "the sums of all devices have left, before rows of the next pass arrive there";
    const between = meeting("pass_barrier", meaning, { per: "pass", trips: sizes.passes - 1 });
    return [zero, reduceScatter(frame), ...(more ? [between] : [])];
  },
};
