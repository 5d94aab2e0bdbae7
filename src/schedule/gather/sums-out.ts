/** Reduce-scatter of partial sums: each device returns the sums of others' tokens to them. */

import { partUnroll } from "../../kernel/collectives/choose.ts";
import { relaysOf, tablesOf } from "../../kernel/collectives/part.ts";
import { type Dim, dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import { type Frame, type KernelInput, passesOverlap, passSlots } from "../../kernel/frame.ts";
import { DEVICES, GROUP, UNROLL } from "../../kernel/loops.ts";
import type { Draft, Module, Part } from "../../kernel/part.ts";
import { zeroSums } from "../../kernel/passes/zero-sums.ts";
import { mayRouteAll } from "../../kernel/routing/all-tokens.ts";
import { LANES, layoutOf } from "../../kernel/rows/layout.ts";
import { sumGroup } from "../../kernel/rows/packing.ts";
import {
  narrowSums,
  packedSums,
  type SumGroup,
  sumsModule,
} from "../../kernel/rows/partial-sums.ts";
import { sumChunkOf } from "../../kernel/rows/staged-sums.ts";
import { needsPassBarrier, packedPart, sumsGoStraight, wordType } from "../../kernel/rows/types.ts";
import { withSums } from "../../plan/call.ts";
import type { Plan, Stream } from "../../plan/plan.ts";
import { firstResults, placeBits, RESULT_BATCH, sumResults } from "./results-in-hbm.ts";
import {
  hbmSumsBuffers,
  hbmSumsSemaphores,
  hbmSumsStreams,
  partCopies,
  partLoops,
} from "./sums-in-hbm.ts";

const lanes: Dim = ["LANES", LANES];

/** Tokens whose sums are quantised together. */
const TOGETHER: SumGroup = ["ROW_GROUP", GROUP];

/** A module of what makes and takes sums as they are sent: quantised ones, and those that go straight. */
function modules({ layer, mesh: { ep } }: Plan): readonly Module[] {
  const straight = sumsGoStraight(layer);
  if (ep === 1 || !(straight || narrowSums(layer))) return [];
  return [sumsModule(layer, TOGETHER, straight)];
}

/** By sender where sums go straight; else a slot for each copy that arrives. */
function arrivedSums(input: KernelInput): readonly Dim[] {
  const { layer, layout, ep, sizes } = input;
  const row = packedPart(layer);
  if (sumsGoStraight(layer)) {
    return [["EP_SIZE", ep], [`s.pass_tokens * ${row}`, sizes.passTokens * layout.partRow], lanes];
  }
  const { sends, cuts } = tablesOf(input);
  const rows = (sizes.sentTokens / cuts) * layout.partRow;
  return [["s.sum_slots", sends], [`s.part_tokens * ${row}`, rows], lanes];
}

function buffers(input: KernelInput) {
  const { layer, layout, ep, sizes: s } = input;
  const packed = ep > 1 && narrowSums(layer) ? [packedSums(input, TOGETHER)] : [];
  if (withSums(input.rows)) return [...hbmSumsBuffers(input), ...packed];
  const slots: readonly Dim[] = passesOverlap(input) ? [["s.pass_slots", passSlots(input)]] : [];
  const arrivedType = passesOverlap(input) ? FLOAT : wordType(layout);
  const sums: Dim = ["(s.all_tokens + 1) * SUM_ROW", (s.allTokens + 1) * layout.sumRow];
  return [
    ...(ep === 1
      ? []
      : [
          vmem(
            "arrived_sums",
            arrivedSums(input),
            arrivedType,
            sumsGoStraight(layer)
              ? "packed partial sums of this device's tokens, by sender"
              : "packed partial sums, by the copy that brings them",
          ),
        ]),
    ...packed,
    vmem(
      "token_sums",
      [...slots, sums, lanes],
      FLOAT,
      "weighted sums of local experts' results by token",
      slots[0]?.[1],
    ),
  ];
}

/** What has left for others to route by: lists, or logits for small T. */
function listsOut(layer: KernelInput["layer"], ep: number): readonly string[] {
  return ["routes_out", ...(mayRouteAll(layer, ep, {}) ? ["logits_out"] : [])];
}

/** Each is rounded on its own device, own ones like the others, and goes straight: one rounding. */
function reduceStraight({ layer, ep, sizes }: Frame): Draft {
  const narrow = narrowSums(layer);
  return {
    name: "reduce_scatter",
    meaning: narrow
      ? "sums quantised to int8, and to the tokens' devices"
      : "sums rounded, and to the tokens' devices",
    reads: ["token_sums"],
    writes: [...(narrow ? ["packed_sums"] : []), "token_rows", "arrived_sums"],
    waits: ["rows_out", ...listsOut(layer, ep)],
    per: "pass",
    trips: sizes.passes,
    loops: [DEVICES, { over: "all tokens", each: GROUP }],
  };
}

function reduceScatter(frame: Frame): Draft {
  const { layer, ep, sizes, rows } = frame;
  const overlap = passesOverlap(frame);
  if (sumsGoStraight(layer)) return reduceStraight(frame);
  const { reduce, sends, cuts } = tablesOf(frame);
  const each = partUnroll(sizes.sentTokens / cuts, sumGroup(layer));
  const inHbm = withSums(rows);
  return {
    name: "reduce_scatter",
    meaning: "sums on their way to the tokens' devices, added up on the way",
    reads: [rows === "hbm with results" ? "entry_results" : "token_sums", "arrived_sums"],
    writes: [
      ...["token_sums", ...(overlap ? [] : ["token_rows"]), "arrived_sums"],
      ...(inHbm ? ["staged_sums", "staged_parts"] : []),
      ...(rows === "hbm with results" ? ["staged_results"] : []),
      ...(narrowSums(layer) ? ["packed_sums"] : []),
    ],
    waits: overlap ? [] : ["rows_out", ...listsOut(layer, ep)],
    per: "pass",
    trips: sizes.passes,
    // The inner loops: one that packs sums, one that adds them, each in every second step.
    loops: inHbm
      ? partLoops(frame)
      : [
          { over: "copies", each: 1, fixed: reduce },
          { over: "copies", each, fixed: (sends * sizes.sentTokens) / cuts / each },
        ],
    flops: (sends / cuts) * sizes.sentTokens * sizes.passes * layer.hidden,
    relays: { stream: "sums_out", steps: "all", ...(inHbm ? { parts: partCopies(frame) } : {}) },
  };
}

/** Zeros to sums in HBM: where passes overlap they start when the sums of the pass before have left. */
function zerosOut({ sizes, layout, ep, rows }: Frame): readonly Draft[] {
  const each = sumChunkOf(layout, sizes.chunk);
  const chunks = { over: "all tokens", each } as const;
  const pass = { reads: [], per: "pass", trips: sizes.passes } as const;
  if (rows === "hbm with results") {
    const meaning = "no token has a result yet";
    return [{ name: "zero_sums", meaning, writes: ["result_counts"], ...pass, loops: [chunks] }];
  }
  const writes = ["staged_sums", "token_sums"];
  const zero = { name: "zero_sums", ...pass } as const;
  if (ep === 1) {
    return [{ ...zero, meaning: "zeros to the sums in HBM", writes, loops: [chunks, chunks] }];
  }
  const clear = "zeros start on their way to the sums in HBM";
  return [
    { name: "clear_sums", meaning: clear, writes, ...pass, loops: [chunks] },
    { ...zero, meaning: "sums are clear", writes: ["token_sums"], loops: [chunks] },
  ];
}

function sumsOutOf(frame: Frame): Stream {
  const { layer, ep, sizes, load } = frame;
  const straight = sumsGoStraight(layer);
  const cuts = straight ? 1 : tablesOf(frame).cuts;
  const bytes = sizes.sentTokens * sizes.passes * load.partRowBytes;
  const space = withSums(frame.rows) ? "HBM" : "VMEM";
  return {
    name: "sums_out",
    from: space,
    to: space,
    remote: true,
    source: passesOverlap(frame) ? "token_sums" : "token_rows",
    destination: "arrived_sums",
    issuedBy: "reduce_scatter",
    awaitedBy: "reduce_scatter",
    semaphore: "sums_sent, sums_arrived",
    bytes: (ep - 1) * bytes,
    copies: (ep - 1) * sizes.passes * cuts,
    ...(straight ? {} : { relays: relaysOf(frame, "reduce_scatter", bytes / cuts) }),
    meaning: "partial sums back to the tokens' devices",
  };
}

export const sumsOut: Part = {
  modules,
  context: ({ layer }) => ({
    arrivedWhere: packedPart(layer) === "PART_ROW" ? "there" : "of the tokens' devices",
    chunkTokens: "s.part_chunk",
    resultBatch: RESULT_BATCH,
    placeBits: placeBits(layoutOf(layer)),
    /** Tokens that one trip of a loop over a part's sums takes. */
    sumGroup: sumGroup(layer) === UNROLL ? "UNROLL" : "ROW_GROUP",
  }),
  buffers,
  semaphores: (input) => {
    const staged = withSums(input.rows) ? hbmSumsSemaphores(input) : [];
    if (input.ep === 1) return staged;
    const arrived: Dim = sumsGoStraight(input.layer)
      ? ["EP_SIZE", input.ep]
      : ["s.sum_slots", tablesOf(input).sends];
    return [
      ...staged,
      dma("sums_sent", ONE, "partial sums left"),
      dma("sums_arrived", arrived, "partial sums arrived in a slot"),
    ];
  },
  streams: (frame) => [
    ...(withSums(frame.rows) ? hbmSumsStreams(frame) : []),
    ...(frame.ep === 1 ? [] : [sumsOutOf(frame)]),
  ],
  stages: (frame) => {
    const { layer, ep, sizes } = frame;
    const zero = withSums(frame.rows) ? zerosOut(frame) : [zeroSums(frame)];
    if (ep === 1) return zero;
    const overlap = passesOverlap(frame);
    const more = overlap ? passSlots(frame) > 1 : sizes.passes > 1 && needsPassBarrier(layer);
    const meaning = overlap
      ? "the sums of the last pass but one have been added, before those of the last arrive"
      : "the sums of all devices have left, before rows of the next pass arrive there";
    const trips = overlap ? 1 : sizes.passes - 1;
    const between = meeting("pass_barrier", meaning, { per: "pass", trips });
    const firsts =
      frame.rows === "hbm with results" ? [firstResults(frame), sumResults(frame)] : [];
    return [...zero, ...firsts, reduceScatter(frame), ...(more ? [between] : [])];
  },
};
