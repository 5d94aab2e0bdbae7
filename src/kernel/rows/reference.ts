/** Quantised rows as the reference says them. */
import { tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";

/** What the reference says of quantised rows. */
export function rowsContext(layer: LayerSpec): Record<string, unknown> {
  const rows = tokenRows(layer);
  return {
    quantizedRows: rows !== undefined,
    expertRows: layer.scoreOn === "input" ? "rows" : "tokens",
    weightedText: layer.scoreOn === "input" ? " as it goes in" : "",
    rowDtype: rows ?? layer.dtype,
    largestOfRow: rows === "int8" ? "127.0" : "448.0",
  };
}
