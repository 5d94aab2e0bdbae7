/** Reduce-scatter of partial sums: each device returns the sums of others' tokens to them. */
import { relaysOf, tablesOf } from "../../kernel/collectives/part.ts";
import { type Dim, dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { DEVICES, GROUP, UNROLL } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { needsPassBarrier, packedPart, wordType } from "../../kernel/rows/types.ts";
import type { Stream } from "../../plan/plan.ts";

function isNarrow({ wire }: Pick<KernelInput["layer"], "wire">): boolean {
  return wire?.combine !== undefined;
}

const lanes: Dim = ["LANES", LANES];

/** By sender where sums go straight; else a slot for each copy that arrives. */
function arrivedSums(input: KernelInput): readonly Dim[] {
  const { layer, layout, ep, sizes } = input;
  const row = packedPart(layer);
  if (isNarrow(layer)) {
    return [["EP_SIZE", ep], [`s.pass_tokens * ${row}`, sizes.passTokens * layout.partRow], lanes];
  }
  const { sends, cuts } = tablesOf(input);
  const rows = (sizes.passTokens / cuts) * layout.partRow;
  return [["s.sum_slots", sends], [`s.part_tokens * ${row}`, rows], lanes];
}

function buffers(input: KernelInput) {
  const { layer, layout, ep, sizes: s } = input;
  const sums: Dim = ["(s.all_tokens + 1) * SUM_ROW", (s.allTokens + 1) * layout.sumRow];
  return [
    ...(ep === 1
      ? []
      : [
          vmem(
            "arrived_sums",
            arrivedSums(input),
            wordType(layout),
            isNarrow(layer)
              ? "packed partial sums of this device's tokens, by sender"
              : "packed partial sums, by the copy that brings them",
          ),
        ]),
    vmem("token_sums", [sums, lanes], FLOAT, "weighted sums of local experts' results by token"),
  ];
}

/** Each is quantised on its own device, own ones like the others, and goes straight: one rounding. */
function reduceStraight({ sizes }: Frame): Draft {
  return {
    name: "reduce_scatter",
    meaning: "sums quantised to int8, and to the tokens' devices",
    reads: ["token_sums"],
    writes: ["gathered_rows", "token_rows", "arrived_sums"],
    waits: ["rows_out", "routes_out"],
    per: "pass",
    trips: sizes.passes,
    loops: [DEVICES, { over: "all tokens", each: GROUP }],
  };
}

function reduceScatter(frame: Frame): Draft {
  const { layer, sizes } = frame;
  if (isNarrow(layer)) return reduceStraight(frame);
  const { reduce, sends, cuts } = tablesOf(frame);
  return {
    name: "reduce_scatter",
    meaning: "sums on their way to the tokens' devices, added up on the way",
    reads: ["token_sums", "arrived_sums"],
    writes: ["token_sums", "token_rows", "arrived_sums"],
    waits: ["rows_out", "routes_out"],
    per: "pass",
    trips: sizes.passes,
    // The inner loops: one that packs sums, one that adds them, each in every second step.
    loops: [
      { over: "copies", each: 1, fixed: reduce },
      { over: "copies", each: UNROLL, fixed: (sends * sizes.passTokens) / cuts / UNROLL },
    ],
    flops: (sends / cuts) * sizes.passTokens * sizes.passes * layer.hidden,
    relays: { stream: "sums_out", steps: "all" },
  };
}

function sumsOutOf(frame: Frame): Stream {
  const { layer, ep, sizes, load } = frame;
  const narrow = isNarrow(layer);
  const cuts = narrow ? 1 : tablesOf(frame).cuts;
  const bytes = sizes.passTokens * sizes.passes * load.partRowBytes;
  return {
    name: "sums_out",
    from: "VMEM",
    to: "VMEM",
    remote: true,
    source: "token_rows",
    destination: "arrived_sums",
    issuedBy: "reduce_scatter",
    awaitedBy: "reduce_scatter",
    semaphore: "sums_sent, sums_arrived",
    bytes: (ep - 1) * bytes,
    copies: (ep - 1) * sizes.passes * cuts,
    ...(narrow ? {} : { relays: relaysOf(frame, "reduce_scatter", bytes / cuts) }),
    meaning: "partial sums back to the tokens' devices",
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
  semaphores: (input) => {
    if (input.ep === 1) return [];
    const arrived: Dim = isNarrow(input.layer)
      ? ["EP_SIZE", input.ep]
      : ["s.sum_slots", tablesOf(input).sends];
    return [
      dma("sums_sent", ONE, "partial sums left"),
      dma("sums_arrived", arrived, "partial sums arrived in a slot"),
    ];
  },
  streams: (frame) => (frame.ep === 1 ? [] : [sumsOutOf(frame)]),
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
