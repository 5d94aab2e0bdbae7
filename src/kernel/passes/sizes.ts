/** Sizes of one call; `Shape` in the generated kernel computes the same from T and the tiles. */
import { type Held, inHbm, listsInHbm } from "../../plan/call.ts";
import { SHORT_PASS } from "../api/pass-tiles.ts";
import type { Sizes } from "../frame.ts";
import { GROUP, UNROLL } from "../loops.ts";
import { listTokens, routeWords } from "../routing/words.ts";
import { LANES, type Layer, type Layout, layoutOf, roundUp, rowChunk } from "../rows/layout.ts";

/** Whole bfloat16 tiles of 16 rows up to 128 tokens, whole vector registers of tokens above. */
export function roundTokens(tokens: number): number {
  return roundUp(tokens, tokens <= LANES ? GROUP : LANES);
}

/** Token rows of a pass that go between HBM and VMEM at once: a part of them. */
function chunkOf(layout: Layout, passTokens: number, held: boolean): number {
  if (!held) return Math.min(passTokens, LANES);
  let rows = rowChunk(layout);
  while (passTokens % rows !== 0) rows /= 2;
  return rows;
}

/** Token rows of a device, of so many in a pass, that go to others: without most of the padding. */
export function sentOf(deviceShare: number, passTokens: number, rows: Held["rows"]): number {
  // Out of HBM sums go in chunks of whole registers.
  const few = deviceShare < UNROLL && !inHbm(rows);
  return Math.min(passTokens, few ? deviceShare : roundUp(deviceShare, UNROLL));
}

/**
 * Token counts of one call: of a device, of a pass, of all devices in a pass, padded to tiles.
 * @param limit most token rows that a device brings to one pass
 * @param held where rows lie: lists in HBM may be several of a pass
 * @param routesAll each device routes the tokens of all
 */
export function sizesOf(
  layer: Layer,
  tokens: number,
  ep: number,
  limit: number,
  held: Held,
  routesAll = false,
): Sizes {
  const deviceShare = Math.ceil(tokens / ep);
  const passes = Math.ceil(deviceShare / limit);
  const passTokens =
    limit === SHORT_PASS ? SHORT_PASS : roundTokens(Math.ceil(deviceShare / passes));
  const listed = listsInHbm(held) ? listTokens(layer, passTokens) : passTokens;
  const routedTokens = routesAll ? ep * passTokens : listed;
  return {
    tokens,
    deviceShare,
    passes,
    passTokens,
    sentTokens: sentOf(deviceShare, passTokens, held.rows),
    allTokens: ep * passTokens,
    routedTokens,
    sources: routesAll ? 1 : ep,
    laneTokens: roundUp(routedTokens, LANES),
    lists: Math.ceil(passTokens / listed),
    listTokens: listed,
    chunk: chunkOf(layoutOf(layer), passTokens, inHbm(held.rows)),
    ...routeWords(layer, routedTokens, ep),
  };
}
