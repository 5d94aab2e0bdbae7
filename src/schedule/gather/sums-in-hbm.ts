/**
 * A reduce-scatter of sums in HBM: when all that is added to a part has arrived, its tokens come to VMEM a
 * chunk at a time, are added up, packed where they leave, and go back; from there a packed part leaves.
 */
import { partUnroll } from "../../kernel/collectives/choose.ts";
import { tablesOf } from "../../kernel/collectives/part.ts";
import { type Dim, dma, FLOAT, hbm, smem, vmem } from "../../kernel/declaration.ts";
import { type Frame, type KernelInput, passesOverlap, passSlots } from "../../kernel/frame.ts";
import { type DraftLoop, GROUP } from "../../kernel/loops.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { sumGroup } from "../../kernel/rows/packing.ts";
import {
  stagedBuffers,
  stagedSemaphores,
  stagedSlots,
  stagedStreams,
  sumBytes,
  sumChunk,
  sumChunkOf,
} from "../../kernel/rows/staged-sums.ts";
import { packedPart } from "../../kernel/rows/types.ts";
import type { PartCopies } from "../../plan/part-copies.ts";
import type { Stream } from "../../plan/plan.ts";
import { partSteps } from "../../predict/machine/relays.ts";
import { batchBuffers, batchCopies, batchSemaphores, batchStreams } from "./results-in-hbm.ts";

/** Three copies that arrived come while one is added. */
const FOUR: Dim = ["4", 4];

const lanes: Dim = ["LANES", LANES];

/** Sums by token, and those that arrive in a slot for each copy; and what a chunk of both has in VMEM. */
export function hbmSumsBuffers(input: KernelInput) {
  const { layer, layout, ep, sizes } = input;
  const slots: readonly Dim[] = passesOverlap(input) ? [["s.pass_slots", passSlots(input)]] : [];
  const sums: Dim = [
    "(s.all_tokens + ROW_GROUP) * SUM_PITCH",
    (sizes.allTokens + GROUP) * layout.sumPitch,
  ];
  const meaning = "weighted sums of local experts' results by token, and some that no token owns";
  const results = input.rows === "hbm with results" ? batchBuffers(input) : [];
  const own = [
    hbm("token_sums", [...slots, sums, lanes], FLOAT, meaning),
    ...stagedBuffers(input),
    ...results,
  ];
  if (ep === 1) return own;
  const { sends, cuts } = tablesOf(input);
  const row = packedPart(layer);
  const part: Dim = [`s.part_tokens * ${row}`, (sizes.sentTokens / cuts) * layout.partRow];
  const chunk: Dim = [
    `min(s.chunk, SUM_CHUNK) * ${row}`,
    Math.min(sizes.chunk, sumChunk(layout)) * layout.partRow,
  ];
  const parts: Dim = ["EP_SIZE * s.cuts", ep * cuts];
  const arrived = "packed partial sums, by the copy that brings them";
  const staged = "packed partial sums of chunks of tokens, that arrived";
  return [
    ...own,
    hbm("arrived_sums", [["s.sum_slots", sends], part, lanes], FLOAT, arrived),
    vmem("staged_parts", [FOUR, chunk, lanes], FLOAT, staged, 4),
    smem(
      "part_steps",
      [[`${parts[0]} + 1`, parts[1] + 1]],
      "step with which each part is complete; then how many are early",
    ),
    smem(
      "arrivals",
      [[`2 * ${parts[0]}`, 2 * parts[1]]],
      "copies that arrive for each part, and the slot of the last",
    ),
    smem("arrival_before", [["s.sum_slots", sends]], "slot of the copy before, for the same part"),
  ];
}

/** Of all copies through staging. */
export function hbmSumsSemaphores(input: KernelInput) {
  const slots = stagedSlots(input);
  const between = [
    ...(input.rows === "hbm with results"
      ? batchSemaphores()
      : [dma("part_sums_staged", slots, "sums of a part's tokens in staged_sums")]),
    dma("part_sums_left", slots, "the same with what arrived back in token_sums"),
    dma("parts_left", slots, "packed sums back in token_sums"),
    dma("parts_staged", FOUR, "arrived sums in staged_parts"),
  ];
  return [...stagedSemaphores(input), ...(input.ep === 1 ? [] : between)];
}

/** Sums of every part, a chunk a copy. */
function partSumsIn(frame: Frame): Stream {
  const { layout, ep, sizes } = frame;
  const all = ep * sizes.sentTokens * sizes.passes;
  const part = sizes.sentTokens / tablesOf(frame).cuts;
  return {
    ...{ name: "part_sums_in", from: "HBM", to: "VMEM", remote: false },
    ...{ issuedBy: "reduce_scatter", awaitedBy: "reduce_scatter" },
    ...{ source: "token_sums", destination: "staged_sums", semaphore: "part_sums_staged" },
    bytes: sumBytes(frame, all),
    copies: all / sumChunkOf(layout, part),
    meaning: "sums of parts that leave, and of own tokens",
  };
}

/** Through staging, for every part: its sums, what arrived, and either of both back. */
export function hbmSumsStreams(frame: Frame): readonly Stream[] {
  const { layout, ep, sizes } = frame;
  if (ep === 1) return stagedStreams(frame);
  const { sends, cuts } = tablesOf(frame);
  const part = sizes.sentTokens / cuts;
  const own = sizes.sentTokens * sizes.passes;
  const sent = (ep - 1) * own;
  const arrived = sends * part * sizes.passes;
  const each = { remote: false, issuedBy: "reduce_scatter", awaitedBy: "reduce_scatter" } as const;
  const packed = (tokens: number): number => tokens * layout.partRow * LANES * 4;
  const copies = (tokens: number): number => tokens / sumChunkOf(layout, part);
  return [
    ...stagedStreams(frame),
    ...(frame.rows === "hbm with results" ? batchStreams(frame) : [partSumsIn(frame)]),
    {
      ...{ name: "parts_in", from: "HBM", to: "VMEM", ...each },
      ...{ source: "arrived_sums", destination: "staged_parts", semaphore: "parts_staged" },
      bytes: packed(arrived),
      copies: copies(arrived),
      meaning: "sums that arrived",
    },
    {
      ...{ name: "part_sums_back", from: "VMEM", to: "HBM", ...each },
      ...{ source: "staged_sums", destination: "token_sums", semaphore: "part_sums_left" },
      bytes: sumBytes(frame, own),
      copies: copies(own),
      meaning: "sums of own tokens with what arrived",
    },
    {
      ...{ name: "parts_packed", from: "VMEM", to: "HBM", ...each },
      ...{ source: "staged_sums", destination: "token_sums", semaphore: "parts_left" },
      bytes: packed(sent),
      copies: copies(sent),
      meaning: "packed sums, from where they leave",
    },
  ];
}

/** The same for the steps of the reduce-scatter. */
export function partCopies(frame: Frame): PartCopies {
  const part = frame.sizes.sentTokens / tablesOf(frame).cuts;
  return {
    chunks: part / sumChunkOf(frame.layout, part),
    ...(frame.rows === "hbm with results"
      ? batchCopies(frame)
      : { sums: "part_sums_in", ahead: 2 }),
    ...{ arrived: "parts_in", arrivedAhead: 3, packed: "parts_packed", kept: "part_sums_back" },
  };
}

/** Trips of a loop over a device's parts, over chunks and copies that arrive for them, and over their tokens. */
export function partLoops(frame: Frame): readonly DraftLoop[] {
  const { ep, sizes } = frame;
  const { steps, sends, cuts } = tablesOf(frame);
  const { chunks } = partCopies(frame);
  const each = partUnroll(sizes.sentTokens / cuts, sumGroup(frame.layer));
  const pieces = steps.map((one) =>
    partSteps(one).parts.reduce((sum, { arrivals }) => sum + Math.max(1, arrivals.length), 0),
  );
  const over = "copies";
  return [
    { over, each: 1, fixed: ep * cuts },
    { over, each: 1, fixed: chunks * Math.max(...pieces) },
    // One that packs sums, and one that adds them.
    { over, each, fixed: (sends * sizes.sentTokens) / cuts / each },
  ];
}
