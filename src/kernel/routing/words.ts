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

/** Bits of the token in a routed entry; the weight's address takes those above. */
export const TOKEN_BITS = 13;

/**
 * Words of all devices' routes up to which the scalar unit's loads take an address as it is: beyond,
 * weights of 8 rows took 331 bundles and not 87 (v7x, libtpu 0.0.42.1).
 */
export const MOST_ROUTE_WORDS = 2 ** 17;

/** Token rows of all devices in one pass at most: one more index stands for "no token". */
export const MOST_PASS_TOKENS = 2 ** TOKEN_BITS - 1;

/** Weights of a token in the routes: of each choice, and what its identity experts weigh together. */
export function weightsOfToken({
  topK,
  identityExperts,
}: Pick<Layer, "topK" | "identityExperts">): number {
  return identityExperts === undefined ? topK : topK + 1;
}

/** Entries, then weights by choice, then the first entry of each expert. */
export function routeWords(layer: Layer, tokens: number, ep: number) {
  const weightsAt = roundUp(tokens * layer.topK + UNROLL, LANES);
  const choiceStride = sharesRegisters(ep) ? strideOf(tokens) : roundUp(tokens, LANES);
  const offsetsAt = weightsAt + roundUp(weightsOfToken(layer) * choiceStride, LANES);
  const words = roundUp(offsetsAt + layoutOf(layer).expertLanes, 1024);
  return { choiceStride, weightsAt, offsetsAt, routeWords: words };
}
