/** Sums by token of results in HBM, chunk by chunk, and on their way to the tokens' devices. */
import { relaysOf, tablesOf } from "../../kernel/collectives/part.ts";
import { type Dim, dma, FLOAT, hbm, ONE, TWO, vmem } from "../../kernel/declaration.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import type { Draft } from "../../kernel/part.ts";
import { LANES, SUBLANES } from "../../kernel/rows/layout.ts";
import { wordType } from "../../kernel/rows/types.ts";
import { RUN_SLOTS, sumTokensOf } from "../../kernel/shapes.ts";
import type { Stream } from "../../plan/plan.ts";
import { resultGroup } from "./rows-in-hbm.ts";

const lanes: Dim = ["LANES", LANES];

/** Tokens of a chunk whose sums are added up at once. */
function chunkOf({ layout, parts, sizes }: KernelInput): number {
  return sumTokensOf(layout, sizes.passTokens / Math.max(parts, 1));
}

/** Sums of a chunk, runs of results on their way into them; and what arrives and leaves. */
export function chunkBuffers(input: KernelInput) {
  const { layout, ep, sizes: s } = input;
  const sumTokens = chunkOf(input);
  const sums: Dim = ["(s.sum_tokens + 1) * SUM_ROW", (sumTokens + 1) * layout.sumRow];
  const groups = sumTokens / SUBLANES + 1;
  const run: Dim = ["s.run_groups * RESULT_GROUP", groups * resultGroup(input)];
  const packed: Dim = ["s.sum_tokens * ROW", sumTokens * layout.partRow];
  const word = wordType(layout);
  const own = [
    vmem("token_sums", [sums, lanes], FLOAT, "weighted sums of a chunk of tokens"),
    vmem(
      "run_tiles",
      [["RUN_SLOTS", RUN_SLOTS], run, lanes],
      FLOAT,
      "an expert's results for a chunk of tokens",
      RUN_SLOTS,
    ),
  ];
  if (ep === 1) return own;
  const { sends, cuts } = tablesOf(input);
  const part: Dim = ["s.part_tokens * ROW", (s.passTokens / cuts) * layout.partRow];
  return [
    hbm(
      "arrived_sums",
      [["s.sum_slots", sends], part, lanes],
      word,
      "packed partial sums, by the copies that bring them",
    ),
    ...own,
    vmem("packed_sums", [TWO, packed, lanes], word, "packed sums of a chunk that leave", 2),
    vmem("arrived_rows", [packed, lanes], word, "a chunk of the sums that arrived"),
  ];
}

/** Of what crosses between devices, and of copies within one. */
export function chunkSemaphores(input: KernelInput) {
  const runs: Dim = ["RUN_SLOTS", RUN_SLOTS];
  const own = [dma("runs_arrived", runs, "a run of results in its slot")];
  if (input.ep === 1) return own;
  return [
    ...own,
    dma("sums_sent", TWO, "packed sums left their slot"),
    dma("sums_arrived", ["s.sum_slots", tablesOf(input).sends], "partial sums arrived in a slot"),
    dma("arrived_in", ONE, "a chunk of the sums that arrived, in VMEM"),
  ];
}

/** Runs in one call: of each chunk of tokens and each expert that has one of them. */
function runsOf(frame: Frame) {
  const { layer, ep, sizes, load } = frame;
  const sumTokens = chunkOf(frame);
  const chunks = (sizes.allTokens / sumTokens) * sizes.passes;
  const all = chunks * (layer.experts / ep);
  const some = 1 - (1 - layer.topK / layer.experts) ** sumTokens;
  // A run begins anywhere in a group of rows.
  const groups = (load.routedRows + (SUBLANES - 1) * all * some) / SUBLANES;
  return { all, copies: all * some, groups };
}

function runsIn(frame: Frame): Stream {
  const { copies, groups } = runsOf(frame);
  return {
    name: "runs_in",
    from: "HBM",
    to: "VMEM",
    remote: false,
    source: "results",
    destination: "run_tiles",
    issuedBy: "combine",
    awaitedBy: "combine",
    semaphore: "runs_arrived",
    bytes: groups * resultGroup(frame) * LANES * 4,
    copies,
    slots: RUN_SLOTS,
    meaning: "an expert's results for a chunk of tokens",
  };
}

/** Results back into VMEM; sums to the next device, and what arrived from others in HBM. */
export function chunkCopies(frame: Frame): readonly Stream[] {
  const { ep, sizes, load } = frame;
  if (ep === 1) return [runsIn(frame)];
  const { cuts, sends } = tablesOf(frame);
  const pieces = sizes.passTokens / cuts / chunkOf(frame);
  const bytes = sizes.passTokens * sizes.passes * load.partRowBytes;
  return [
    runsIn(frame),
    {
      name: "sums_out",
      from: "VMEM",
      to: "HBM",
      remote: true,
      source: "packed_sums",
      destination: "arrived_sums",
      issuedBy: "reduce_scatter",
      awaitedBy: "reduce_scatter",
      semaphore: "sums_sent, sums_arrived",
      bytes: (ep - 1) * bytes,
      copies: (ep - 1) * sizes.passes * cuts * pieces,
      relays: relaysOf(frame, "reduce_scatter", bytes / cuts, pieces),
      meaning: "partial sums back to the tokens' devices",
    },
    {
      name: "arrived_in",
      from: "HBM",
      to: "VMEM",
      remote: false,
      source: "arrived_sums",
      destination: "arrived_rows",
      issuedBy: "reduce_scatter",
      awaitedBy: "reduce_scatter",
      semaphore: "arrived_in",
      bytes: (sends * bytes) / cuts,
      copies: sends * pieces * sizes.passes,
      meaning: "partial sums that arrived",
    },
  ];
}

/** A chunk's sums, then what arrived for it, then its way on. */
export function chunkStages(frame: Frame): readonly Draft[] {
  const { layer, ep, sizes, load } = frame;
  const { all, groups } = runsOf(frame);
  const pass = { per: "pass", trips: sizes.passes } as const;
  const combine: Draft = {
    name: "combine",
    place: "sum_chunks",
    meaning: "weighted results added up by token, a chunk of tokens at a time",
    reads: ["run_tiles", "all_routes", "run_rows", "token_sums"],
    writes: ["token_sums"],
    ...pass,
    loops: [
      { over: "copies", each: 1, fixed: all / sizes.passes },
      { over: "copies", each: SUBLANES, fixed: groups / sizes.passes },
    ],
    flops: 2 * load.routedRows * layer.hidden,
  };
  if (ep === 1) return [combine];
  const { sends, cuts } = tablesOf(frame);
  const added = (sends * sizes.passTokens) / cuts;
  return [
    combine,
    {
      name: "reduce_scatter",
      meaning: "sums on their way to the tokens' devices, added up on the way",
      reads: ["token_sums", "arrived_rows"],
      writes: ["token_sums", "packed_sums", "arrived_rows"],
      waits: ["rows_out", "routes_out"],
      ...pass,
      // The inner loops: one that packs sums, one that adds them.
      loops: [
        { over: "copies", each: UNROLL, fixed: ((ep - 1) * sizes.passTokens) / UNROLL },
        { over: "copies", each: UNROLL, fixed: added / UNROLL },
      ],
      flops: added * sizes.passes * layer.hidden,
      relays: { stream: "sums_out", steps: "all", beside: "combine" },
    },
  ];
}
