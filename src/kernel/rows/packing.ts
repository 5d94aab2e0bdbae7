/** How rows are packed into the words of 32 bits in which they lie in VMEM. */
import { tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";

/** Four columns of 8 bits in a word, two of bfloat16, or float32 as it is. */
export function packingOf(layer: LayerSpec): "quantized" | "pairs" | "words" {
  return tokenRows(layer) === undefined ? pairsOrWords(layer) : "quantized";
}

/** The same for rows of the layer's own type: results, and sums that are not quantised. */
export function pairsOrWords({ dtype }: Pick<LayerSpec, "dtype">): "pairs" | "words" {
  return dtype === "bfloat16" ? "pairs" : "words";
}
