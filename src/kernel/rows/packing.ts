/** How rows are packed into the words of 32 bits in which they lie in VMEM. */
import { tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { GROUP, UNROLL } from "../loops.ts";

/** Four columns of 8 bits in a word, two of bfloat16, or float32 as it is. */
export function packingOf(layer: LayerSpec): "quantized" | "pairs" | "words" {
  return tokenRows(layer) === undefined ? pairsOrWords(layer) : "quantized";
}

/** The same for rows of the layer's own type: results, and sums that are not quantised. */
export function pairsOrWords({ dtype }: Pick<LayerSpec, "dtype">): "pairs" | "words" {
  return dtype === "bfloat16" ? "pairs" : "words";
}

/** How partial sums are sent: int8 with a scale a row, or as results are. */
export function sentAs(layer: Pick<LayerSpec, "dtype" | "wire">): "int8" | "pairs" | "words" {
  return layer.wire?.combine ?? pairsOrWords(layer);
}

/** Tokens whose sums are packed together, or added, at most: the largest of a row takes long to find. */
export function sumGroup(layer: Pick<LayerSpec, "wire">): number {
  return layer.wire?.combine === undefined ? UNROLL : GROUP;
}
