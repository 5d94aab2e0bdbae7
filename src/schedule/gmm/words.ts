/** A row as words, which copies of one row take: of results, and of sums that leave. */
import { LANES, type Layer, layoutOf } from "../../kernel/rows/layout.ts";

export interface Words {
  /** Words of 128 lanes that a row has. */
  readonly row: number;
  /** Its blocks of 128 columns. */
  readonly tiles: number;
  /** Column blocks that one word has. */
  readonly parts: 1 | 2;
}

/** The layer as its results and sums see it: of its own type, whatever token rows are sent as. */
export function asResults({ wire: _, ...layer }: Layer): Layer {
  return layer;
}

/** Of a layer's rows: bfloat16 two columns a word, neighbouring blocks in its halves. */
export function wordsOf(layer: Layer): Words {
  const { row, paddedHidden, itemBytes } = layoutOf(asResults(layer));
  return { row, tiles: paddedHidden / LANES, parts: itemBytes === 2 ? 2 : 1 };
}
