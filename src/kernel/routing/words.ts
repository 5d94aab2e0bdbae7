/** How the sorted entries of one device lie in 32-bit words. */
import { UNROLL } from "../loops.ts";
import { LANES, type Layer, layoutOf, roundUp } from "../rows/layout.ts";

/** Above so many devices the routes of all must be short, or they do not fit SMEM. */
const MOST_LONG_ROUTES = 16;

/** Whether the weights of several choices share a vector register where tokens are few. */
export function sharesRegisters(ep: number): boolean {
  return ep > MOST_LONG_ROUTES;
}

/** A power of two up to a whole register, so that each register holds whole choices. */
function strideOf(tokens: number): number {
  if (tokens >= LANES) return roundUp(tokens, LANES);
  let stride = 16;
  while (stride < tokens) stride *= 2;
  return stride;
}

/**
 * Bits of the token in a routed entry; the weight's address takes those above. With rows in HBM all
 * 32 bits are used: a weight's place among the words of SMEM has 18.
 */
export function tokenBits(inHbm: boolean): number {
  return inHbm ? 14 : 13;
}

/**
 * Words of all devices' routes up to which the scalar unit's loads take an address as it is: beyond,
 * 8 rows of a sum by chunks took 331 bundles and not 87 (v7x, libtpu 0.0.42.1).
 */
export const MOST_ROUTE_WORDS = 2 ** 17;

/** Token rows of all devices in one pass at most: in VMEM one more index stands for "no token". */
export function mostPassTokens(inHbm: boolean): number {
  return 2 ** tokenBits(inHbm) - (inHbm ? 0 : 1);
}

/**
 * Entries, then weights by choice, then the first entry of each expert; with rows in HBM also the
 * entries of each expert before each 128 tokens, and of all tokens.
 */
export function routeWords(layer: Layer, tokens: number, ep: number, inHbm: boolean) {
  const weightsAt = roundUp(tokens * layer.topK + UNROLL, LANES);
  const choiceStride = sharesRegisters(ep) ? strideOf(tokens) : roundUp(tokens, LANES);
  const offsetsAt = weightsAt + roundUp(layer.topK * choiceStride, LANES);
  const { expertLanes } = layoutOf(layer);
  const countsAt = offsetsAt + expertLanes;
  const counts = inHbm ? (Math.ceil(tokens / LANES) + 1) * expertLanes : 0;
  const words = roundUp(countsAt + counts, 1024);
  return { choiceStride, weightsAt, offsetsAt, countsAt, routeWords: words };
}
