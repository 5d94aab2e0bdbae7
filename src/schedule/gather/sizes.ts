/** Sizes of one call; `Shape` in the generated kernel computes the same from T and the tiles. */
import { LANES, roundUp, UNROLL } from "./layout.ts";

export interface Sizes {
  readonly tokens: number;
  readonly deviceShare: number;
  readonly passes: number;
  readonly passTokens: number;
  readonly allTokens: number;
  readonly laneTokens: number;
  readonly chunk: number;
  readonly listEntries: number;
}

/** Whole bfloat16 tiles of 16 rows up to 128 tokens, whole vector registers of tokens above. */
export function roundTokens(tokens: number): number {
  return roundUp(tokens, tokens <= LANES ? 16 : LANES);
}

export function sizesOf(tokens: number, ep: number, topK: number, limit: number): Sizes {
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
    listEntries: roundUp(passTokens * topK + UNROLL, 1024),
  };
}
