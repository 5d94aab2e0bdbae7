/**
 * The second Pallas call: weighted results added up by token, a block of tokens at a time. The next
 * block's results come row by row, and the last one's sums leave, while one is added up.
 */
import { type Dim, dma, ONE, TWO, vmem } from "../../kernel/declaration.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import type { Composition, Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { elementType, wordType } from "../../kernel/rows/types.ts";
import { sharedLoad } from "../../kernel/shared-experts/load.ts";
import type { Stream } from "../../plan/plan.ts";
import { summedAtOnce } from "./sizes.ts";
import { wordsOf } from "./words.ts";

/** Blocks of tokens, and the tokens of one. */
function blocksOf({ layer, sizes }: Pick<KernelInput, "layer" | "sizes">) {
  const tokens = summedAtOnce(layer, sizes.allTokens);
  return { tokens, count: Math.ceil(sizes.allTokens / tokens) };
}

const LANE: Dim = ["LANES", LANES];

function buffers(input: KernelInput) {
  const { layer, layout } = input;
  const { tokens } = blocksOf(input);
  const { row, tiles } = wordsOf(layer);
  const word = wordType(layout);
  const all: Dim = ["s.sum_block * TOP_K * ROW", tokens * layer.topK * row];
  const shared: Dim = ["s.sum_block * ROW", tokens * row];
  const sums: readonly Dim[] = [TWO, ["s.sum_block + 1", tokens + 1], ["ROW_TILES", tiles], LANE];
  return [
    vmem("brought", [TWO, all, LANE], word, "results of a block's tokens, packed", 2),
    ...(layer.sharedExperts === undefined
      ? []
      : [vmem("shared_brought", [TWO, shared, LANE], word, "those of the shared experts", 2)]),
    vmem("block_sums", sums, elementType(layer), "sums of a block's tokens, and of none", 2),
  ];
}

function streams(frame: Frame): readonly Stream[] {
  const { layer, sizes, load } = frame;
  const { row, tiles } = wordsOf(layer);
  const { count } = blocksOf(frame);
  const bytes = 4 * LANES * row;
  const shared = sharedLoad(frame);
  const summed = {
    ...({ from: "VMEM", to: "HBM", remote: false, slots: 2 } as const),
    copies: count,
    bytes: sizes.allTokens * tiles * LANES * frame.layout.itemBytes,
  } as const;
  return [
    {
      ...{ name: "row_results_in", from: "HBM", to: "VMEM", remote: false, slots: 2 },
      ...{ source: "row_results", destination: "brought", semaphore: "results_brought" },
      ...{ issuedBy: "bring_results", awaitedBy: "await_brought" },
      bytes: load.routedRows * bytes,
      copies: load.routedRows,
      meaning: "results of the next block's tokens, one by one",
    },
    ...(shared === undefined
      ? []
      : [
          {
            ...({ from: "HBM", to: "VMEM", remote: false, slots: 2 } as const),
            name: "shared_results_in",
            ...{ source: "shared_results", destination: "shared_brought" },
            ...{ issuedBy: "bring_shared", awaitedBy: "await_shared_brought" },
            semaphore: "shared_came",
            bytes: shared.rows * bytes,
            copies: Math.ceil(shared.rows / UNROLL),
            meaning: "what the shared experts give the next block's tokens",
          } as const,
        ]),
    {
      ...{ name: "sums_in", from: "HBM", to: "VMEM", remote: false, slots: 1 },
      ...{ source: "summed", destination: "block_sums", semaphore: "sums_kept" },
      ...{ issuedBy: "sums_so_far", awaitedBy: "sums_so_far", bytes: 0, copies: 0 },
      meaning: "sums of rounds before this one; under uniform routing there is none",
    },
    {
      ...{ name: "sums_out", source: "block_sums", destination: "summed" },
      ...summed,
      ...{ issuedBy: "write_sums", awaitedBy: "await_sums", semaphore: "sums_left" },
      meaning: "sums of a block",
    },
  ];
}

function stages(frame: Frame): readonly Draft[] {
  const { layer, load } = frame;
  const { tokens, count } = blocksOf(frame);
  const shared = sharedLoad(frame);
  const none: string[] = [];
  const entries = { over: "rows", each: UNROLL, all: load.routedRows } as const;
  const groups = { over: "all tokens", each: UNROLL, fixed: tokens / UNROLL } as const;
  const stage = (name: string, meaning: string, reads: string[], writes: string[]): Draft => {
    return { name, meaning, reads, writes, per: "pass", trips: count };
  };
  // Of the groups of tokens some begin with the shared experts' results, the others with nought.
  const here = shared === undefined ? 0 : Math.min(1, shared.rows / frame.sizes.allTokens);
  const some = (share: number) => ({ ...groups, fixed: groups.fixed * share });
  const begun: readonly Draft[] =
    shared === undefined
      ? [
          {
            ...stage("begin_sums", "sums of a block cleared", none, ["block_sums"]),
            loops: [groups],
          },
        ]
      : [
          {
            ...stage("bring_shared", "shared experts' results start to come", none, none),
            loops: [groups],
          },
          {
            ...stage("await_shared_brought", "they are here", none, ["shared_brought"]),
            loops: [groups],
          },
          {
            ...stage("begin_sums", "sums begin with them", ["shared_brought"], ["block_sums"]),
            loops: [some(here)],
          },
          {
            ...stage("clear_sums", "sums of other tokens cleared", none, ["block_sums"]),
            loops: [some(1 - here)],
          },
        ];
  return [
    {
      ...stage("bring_results", "results of the next block start to come", none, none),
      loops: [entries],
    },
    stage("await_sums", "sums of the last block but one have left", none, none),
    stage("sums_so_far", "sums of earlier rounds", none, ["block_sums"]),
    ...begun,
    {
      ...stage("await_brought", "results of a block are here", none, ["brought"]),
      loops: [entries],
    },
    {
      ...stage("add_results", "weighted results added", ["brought", "block_sums"], ["block_sums"]),
      loops: [entries],
      flops: 2 * load.routedRows * layer.hidden,
    },
    stage("write_sums", "sums of a block start to leave", ["block_sums"], ["summed"]),
    {
      ...stage("last_sums", "sums of the last blocks have left", none, none),
      ...{ waits: ["sums_out"], trips: 1 },
    },
  ];
}

const sums: Part = {
  buffers,
  semaphores: ({ layer }) => [
    dma("results_brought", TWO, "results of a block in their slot"),
    ...(layer.sharedExperts === undefined
      ? []
      : [dma("shared_came", TWO, "shared experts' results of a block in their slot")]),
    dma("sums_kept", ONE, "sums of earlier rounds in their slot"),
    dma("sums_left", TWO, "sums of a block out of their slot"),
  ],
  streams,
  stages,
};

export const sumComposition: Composition = {
  parts: [sums],
  first: [],
  order: [
    ...["bring_results", "bring_shared", "await_sums", "sums_so_far"],
    ...["await_shared_brought", "begin_sums", "clear_sums"],
    ...["await_brought", "add_results", "write_sums", "last_sums"],
  ],
};

/** Its name in the generated code. */
export const SUMS = "add_results";
