/** Rows of a row tile as products take them: as they come, or sent in 8 bits, with scales, and widened. */
import { type BufferDeclaration, type Dim, FLOAT, TWO, vmem } from "../../kernel/declaration.ts";
import type { Draft } from "../../kernel/part.ts";
import { LANES, type Layer } from "../../kernel/rows/layout.ts";
import { elementType } from "../../kernel/rows/types.ts";
import type { Stream } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";

/** Rows as they come, in two slots: those of 8 bits are widened once for all products of a row tile. */
export function operandBuffers(layer: Layer, bt: Dim): readonly BufferDeclaration[] {
  const narrow = tokenRows(layer);
  const columns: Dim = ["HIDDEN_SIZE", layer.hidden];
  const type = elementType(layer);
  if (narrow === undefined) {
    return [vmem("operand", [TWO, bt, columns], type, "rows of a row tile", 2)];
  }
  const held = { dtype: narrow, dtypeText: "ROW_DTYPE" } as const;
  const scales: readonly Dim[] = [TWO, bt, ["LANES", LANES]];
  return [
    vmem("narrow_rows", [TWO, bt, columns], held, "rows of a row tile, as they are sent", 2),
    vmem("row_scales", scales, FLOAT, "their scales", 2),
    vmem("operand", [bt, columns], type, "what the rows are without their scales"),
  ];
}

/** Where the rows of a row tile arrive. */
export function arrivesIn(layer: Layer): readonly string[] {
  return tokenRows(layer) === undefined ? ["operand"] : ["narrow_rows", "row_scales"];
}

/** Of so many rows of 8 bits their scales, in a copy each beside the rows'. */
export function scaleStream(
  layer: Layer,
  stream: Stream,
  {
    name,
    source,
    count,
  }: { readonly name: string; readonly source: string; readonly count: number },
): readonly Stream[] {
  if (tokenRows(layer) === undefined) return [];
  const meaning = "their scales";
  const bytes = count * 4 * LANES;
  return [{ ...stream, ...{ name, source, destination: "row_scales", bytes, meaning } }];
}

/** Bytes of a row in HBM, without its scale. */
export function heldBytes({ hidden, dtype, ...layer }: Layer): number {
  if (tokenRows(layer) !== undefined) return hidden;
  return hidden * (dtype === "bfloat16" ? 2 : 4);
}

/** Rows of 8 bits are made what a product takes. */
export function widened(
  name: string,
  layer: Layer,
  tile: Pick<Draft, "trips" | "loops" | "overlaps">,
): readonly Draft[] {
  if (tokenRows(layer) === undefined) return [];
  const meaning = "rows of a row tile widened";
  const moved = { reads: ["narrow_rows"], writes: ["operand"] };
  return [{ name, meaning, ...moved, ...tile, per: "row tile" }];
}
