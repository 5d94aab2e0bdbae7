/** Sizes of one call; `Shape` in the generated kernel computes the same from T and the tiles. */
import type { Sizes } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import { LANES, type Layer, layoutOf, roundUp } from "../../kernel/rows/layout.ts";

/** Whole bfloat16 tiles of 16 rows up to 128 tokens, whole vector registers of tokens above. */
export function roundTokens(tokens: number): number {
  return roundUp(tokens, tokens <= LANES ? 16 : LANES);
}

/** Above so many devices the routes of all must be short, or they do not fit SMEM. */
const MOST_LONG_ROUTES = 16;

/** Whether the weights of several choices share a vector register where tokens are few. */
export function sharesRegisters(ep: number): boolean {
  return ep > MOST_LONG_ROUTES;
}

/** A power of two up to a whole register, so that each register holds whole choices. */
function strideOf(passTokens: number): number {
  let stride = 16;
  while (stride < passTokens && stride < LANES) stride *= 2;
  return Math.max(stride, passTokens);
}

/** Bits of the token in a routed entry; the weight's address takes those above. */
export const TOKEN_BITS = 13;
/** Token rows of all devices in one pass at most: one more index stands for "no token". */
export const MOST_PASS_TOKENS = 2 ** TOKEN_BITS - 1;

export function sizesOf(layer: Layer, tokens: number, ep: number, limit: number): Sizes {
  const layout = layoutOf(layer);
  const deviceShare = Math.ceil(tokens / ep);
  const passes = Math.ceil(deviceShare / limit);
  const passTokens = roundTokens(Math.ceil(deviceShare / passes));
  const laneTokens = roundUp(passTokens, LANES);
  const weightsAt = roundUp(passTokens * layer.topK + UNROLL, LANES);
  const choiceStride = sharesRegisters(ep) ? strideOf(passTokens) : laneTokens;
  const offsetsAt = weightsAt + roundUp(layer.topK * choiceStride, LANES);
  return {
    tokens,
    deviceShare,
    passes,
    passTokens,
    allTokens: ep * passTokens,
    laneTokens,
    chunk: Math.min(passTokens, LANES),
    choiceStride,
    weightsAt,
    offsetsAt,
    routeWords: roundUp(offsetsAt + layout.expertLanes, 1024),
  };
}
