/**
 * Sums of tokens in HBM through VMEM, a chunk of tokens at a time: to be cleared, rounded and written. What
 * goes between devices takes the same staging.
 */
import type { Stream } from "../../plan/plan.ts";
import { type Dim, dma, FLOAT, ONE, vmem } from "../declaration.ts";
import { type Frame, type KernelInput, passesOverlap } from "../frame.ts";
import { GROUP } from "../loops.ts";
import { LANES, type Layout } from "./layout.ts";

/** One comes while one is worked on and one leaves; of parts that leave through others two come. */
export function stagedSlots({ ep, byNeed }: Pick<KernelInput, "ep" | "byNeed">): Dim {
  return ep === 1 || byNeed !== undefined ? ["3", 3] : ["4", 4];
}

/** Bytes of sums in a slot at most, without what parts them. */
const MOST_BYTES = 1.5 * 2 ** 20;

/** Most tokens whose sums go through VMEM at once: SUM_CHUNK of the template. */
export function sumChunk({ sumRow }: Pick<Layout, "sumRow">): number {
  let tokens = LANES;
  while (tokens > GROUP && tokens * sumRow * LANES * 4 > MOST_BYTES) tokens /= 2;
  return tokens;
}

/** The same where so many tokens are cut into chunks. */
export function sumChunkOf(layout: Pick<Layout, "sumRow">, tokens: number): number {
  let chunk = sumChunk(layout);
  while (tokens % chunk !== 0) chunk /= 2;
  return chunk;
}

/** A chunk of tokens in each slot. */
export function stagedBuffers(input: KernelInput) {
  const { layout, sizes } = input;
  const slots = stagedSlots(input);
  const tokens = Math.min(sizes.chunk, sumChunk(layout));
  // What pads lists of results goes to a row more.
  const rows: Dim =
    input.rows === "hbm with results"
      ? ["(min(s.chunk, SUM_CHUNK) + 1) * SUM_PITCH", (tokens + 1) * layout.sumPitch]
      : ["min(s.chunk, SUM_CHUNK) * SUM_PITCH", tokens * layout.sumPitch];
  const meaning = "sums of chunks of tokens between HBM and what is done with them";
  return [vmem("staged_sums", [slots, rows, ["LANES", LANES]], FLOAT, meaning, slots[1])];
}

/** Of the copies that every kernel has which keeps its sums there. */
export function stagedSemaphores({ rows }: Pick<KernelInput, "rows">) {
  return [
    ...(rows === "hbm with results" ? [] : [dma("sums_cleared", ONE, "zeros left for token_sums")]),
    dma("own_sums_staged", ["3", 3], "sums of own tokens in staged_sums"),
  ];
}

/** Bytes of the sums of so many tokens. */
export function sumBytes({ layout }: Pick<Frame, "layout">, tokens: number): number {
  return tokens * layout.sumPitch * LANES * 4;
}

/**
 * Zeros, and own tokens' sums at the end of a pass.
 * @param cleared tokens whose sums are cleared in a pass
 */
export function stagedStreams(
  frame: Frame,
  cleared: number = frame.sizes.allTokens,
): readonly Stream[] {
  const { passTokens, passes } = frame.sizes;
  const chunk = sumChunkOf(frame.layout, frame.sizes.chunk);
  // Where passes overlap they are cleared ahead.
  const clears = passesOverlap(frame) ? "clear_sums" : "zero_sums";
  const zeros: Stream = {
    ...{ name: "zeros_out", from: "VMEM", to: "HBM", remote: false },
    ...{ source: "staged_sums", destination: "token_sums", semaphore: "sums_cleared" },
    ...{ issuedBy: clears, awaitedBy: "zero_sums" },
    bytes: sumBytes(frame, cleared * passes),
    copies: (cleared / chunk) * passes,
    meaning: "zeros to the sums of a pass",
  };
  return [
    ...(frame.rows === "hbm with results" ? [] : [zeros]),
    {
      ...{ name: "own_sums_in", from: "HBM", to: "VMEM", remote: false },
      ...{ source: "token_sums", destination: "staged_sums", semaphore: "own_sums_staged" },
      ...{ issuedBy: "write_output", awaitedBy: "write_output" },
      bytes: sumBytes(frame, passTokens * passes),
      copies: (passTokens / chunk) * passes,
      meaning: "sums of own tokens, to be rounded",
    },
  ];
}
