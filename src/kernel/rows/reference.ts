/** Quantised rows as the reference says them. */
import { tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";

/** What the reference says of quantised rows and sums. */
export function rowsContext(layer: LayerSpec): Record<string, unknown> {
  const rows = tokenRows(layer);
  const quantized = layer.quantization?.activations !== undefined;
  return {
    quantizedRows: rows !== undefined,
    rowDtype: rows ?? layer.dtype,
    integerRows: rows === "int8",
    largestOfRow: rows === "int8" ? "127.0" : "448.0",
    narrowSums: layer.wire?.combine !== undefined,
    /** An expert's activated rows, as down multiplies them. */
    activated: quantized ? "_round_rows(_activate(gate, up))" : "_activate(gate, up)",
  };
}
