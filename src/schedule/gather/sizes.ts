/** Sizes of one call; `Shape` in the generated kernel computes the same from T and the tiles. */
import type { Sizes } from "../../kernel/frame.ts";
import { routeWords } from "../../kernel/routing/words.ts";
import { LANES, type Layer, roundUp } from "../../kernel/rows/layout.ts";

/** Whole bfloat16 tiles of 16 rows up to 128 tokens, whole vector registers of tokens above. */
export function roundTokens(tokens: number): number {
  return roundUp(tokens, tokens <= LANES ? 16 : LANES);
}

/**
 * Token counts of one call: of a device, of a pass, of all devices in a pass, padded to tiles.
 * @param limit most token rows that a device brings to one pass
 */
export function sizesOf(layer: Layer, tokens: number, ep: number, limit: number): Sizes {
  const deviceShare = Math.ceil(tokens / ep);
  const passes = Math.ceil(deviceShare / limit);
  const passTokens = roundTokens(Math.ceil(deviceShare / passes));
  return {
    tokens,
    deviceShare,
    passes,
    passTokens,
    allTokens: ep * passTokens,
    laneTokens: roundUp(passTokens, LANES),
    chunk: Math.min(passTokens, LANES),
    ...routeWords(layer, passTokens, ep),
  };
}
