/** How the sorted entries of one device lie in 32-bit words. */
import { type Held, listsInHbm, withSums } from "../../plan/call.ts";
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
const TOKEN_BITS = 13;

/**
 * Words of all devices' routes up to which the scalar unit's loads take an address as it is: beyond,
 * weights of 8 rows took 331 bundles and not 87 (v7x, libtpu 0.0.42.1).
 */
export const MOST_ROUTE_WORDS = 2 ** 17;

/** The same where VMEM does not bound a pass: with rows and sums in HBM an address is below `MOST_ROUTE_WORDS`. */
const HELD_TOKEN_BITS = 14;

/** Of kernels whose rows lie so. */
export function tokenBits({ rows }: Held): number {
  return withSums(rows) ? HELD_TOKEN_BITS : TOKEN_BITS;
}

/**
 * Token rows of all devices in one pass at most where lists lie in HBM: an entry's token is a word of its own. SMEM
 * then has the first entries of each list, an expert a word, of which there are as many as devices and tokens / `LIST_TOKENS`.
 */
export const MOST_LISTED_TOKENS = 2 ** 15;

/** Tokens, and entries, of a device that are sorted at once where lists lie in HBM: what SMEM has of a list. */
const LIST_TOKENS = 2048;
const LIST_ENTRIES = 2 ** 14;

/** Token rows of all devices in one pass at most. */
export function mostAllTokens(held: Held): number {
  // One more index stands for "no token".
  return listsInHbm(held) ? MOST_LISTED_TOKENS : 2 ** tokenBits(held) - 1;
}

/** Most tokens of a list in HBM. */
export function mostListTokens(layer: Pick<Layer, "topK">): number {
  const whole = Math.floor(LIST_ENTRIES / layer.topK / LANES) * LANES;
  return Math.min(LIST_TOKENS, Math.max(LANES, whole));
}

/** Tokens of each list of a device that has so many in a pass: all, or whole registers of them. */
export function listTokens(layer: Pick<Layer, "topK">, passTokens: number): number {
  const lists = Math.ceil(passTokens / mostListTokens(layer));
  return lists === 1 ? passTokens : roundUp(Math.ceil(passTokens / lists), LANES);
}

/** Chunks of a list, each of 128 entries and their weights: those of so many tokens, and of first entries. */
export function listChunks(layer: Layer, tokens: number) {
  const entries = Math.ceil((tokens * layer.topK) / LANES);
  return { entries, firsts: Math.ceil(layoutOf(layer).expertLanes / (2 * LANES)) };
}

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
