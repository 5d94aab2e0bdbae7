/**
 * A reduce-scatter of sums in HBM: a part's tokens come to VMEM a chunk at a time, where what arrived is
 * added or sums are packed, and go back; from there a packed part leaves for another device.
 */
import { tablesOf } from "../../kernel/collectives/part.ts";
import { type Dim, dma, FLOAT, hbm, TWO, vmem } from "../../kernel/declaration.ts";
import { type Frame, type KernelInput, passesOverlap, passSlots } from "../../kernel/frame.ts";
import { GROUP } from "../../kernel/loops.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import {
  STAGED,
  stagedBuffers,
  stagedSemaphores,
  stagedStreams,
  sumBytes,
} from "../../kernel/rows/staged-sums.ts";
import { packedPart } from "../../kernel/rows/types.ts";
import type { Stream } from "../../plan/plan.ts";

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
  const own = [hbm("token_sums", [...slots, sums, lanes], FLOAT, meaning), ...stagedBuffers(input)];
  if (ep === 1) return own;
  const { sends, cuts } = tablesOf(input);
  const row = packedPart(layer);
  const part: Dim = [`s.part_tokens * ${row}`, (sizes.sentTokens / cuts) * layout.partRow];
  const chunk: Dim = [`s.chunk * ${row}`, sizes.chunk * layout.partRow];
  const arrived = "packed partial sums, by the copy that brings them";
  const staged = "packed partial sums of chunks of tokens, that arrived or leave";
  return [
    ...own,
    hbm("arrived_sums", [["s.sum_slots", sends], part, lanes], FLOAT, arrived),
    vmem("staged_parts", [TWO, chunk, lanes], FLOAT, staged, 2),
  ];
}

/** Of all copies through staging. */
export function hbmSumsSemaphores({ ep }: KernelInput) {
  const between = [
    dma("part_sums_staged", STAGED, "sums of a part's tokens in staged_sums"),
    dma("part_sums_left", TWO, "the same with what arrived added, back in token_sums"),
    dma("parts_staged", TWO, "arrived sums in staged_parts"),
    dma("parts_left", TWO, "packed sums in token_sums"),
  ];
  return [...stagedSemaphores(), ...(ep === 1 ? [] : between)];
}

/** Through staging, for every copy between devices: sums to be packed, and those that others are added to. */
export function hbmSumsStreams(frame: Frame): readonly Stream[] {
  const { layout, ep, sizes } = frame;
  if (ep === 1) return stagedStreams(frame);
  const { sends, cuts } = tablesOf(frame);
  const part = sizes.sentTokens / cuts;
  const sent = (ep - 1) * sizes.sentTokens * sizes.passes;
  const arrived = sends * part * sizes.passes;
  const each = { remote: false, issuedBy: "reduce_scatter", awaitedBy: "reduce_scatter" } as const;
  const packed = (tokens: number): number => tokens * layout.partRow * LANES * 4;
  const copies = (tokens: number): number => tokens / partChunk(part);
  return [
    ...stagedStreams(frame),
    {
      ...{ name: "part_sums_in", from: "HBM", to: "VMEM", ...each },
      ...{ source: "token_sums", destination: "staged_sums", semaphore: "part_sums_staged" },
      bytes: sumBytes(frame, sent + arrived),
      copies: copies(sent + arrived),
      meaning: "sums of parts that leave, or that others are added to",
    },
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
      bytes: sumBytes(frame, arrived),
      copies: copies(arrived),
      meaning: "sums with what arrived",
    },
    {
      ...{ name: "parts_packed", from: "VMEM", to: "HBM", ...each },
      ...{ source: "staged_parts", destination: "token_sums", semaphore: "parts_left" },
      bytes: packed(sent),
      copies: copies(sent),
      meaning: "packed sums, from where they leave",
    },
  ];
}

/** Token rows of a part whose sums are in VMEM at once: the most that divide it. */
function partChunk(part: number): number {
  let chunk = LANES;
  while (part % chunk !== 0) chunk /= 2;
  return chunk;
}
