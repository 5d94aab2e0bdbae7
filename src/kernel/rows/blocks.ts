/** Which of their answers the functions of quantised rows have in a plan. */
import { rowsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { NO_BLOCK } from "../part.ts";
import { packingOf } from "./packing.ts";
import { takesNarrowRows } from "./widening.ts";

/** How rows of 8 bits are made, and taken apart; none where rows are not quantised. */
function quantizedBlocks({ layer, kernels }: Plan): Readonly<Record<string, string>> {
  const rows = tokenRows(layer);
  if (rows === undefined) return {};
  const narrow = takesNarrowRows(
    layer,
    kernels.map(({ device }) => device),
  );
  const kind = `${rows === "int8" ? "integer" : "floating"}${narrow ? "" : "_widened"}`;
  const activated = layer.quantization?.activations !== undefined;
  return {
    quantize_rows: activated ? `kernel/rows/quantize/${kind}` : NO_BLOCK,
    row_part: `kernel/rows/row_part/${kind}`,
  };
}

/** What quantises rows knows where they go. */
function packBlock(layer: Plan["layer"], inHbm: boolean): string {
  const packing = packingOf(layer);
  return `kernel/rows/pack_rows/${packing}${inHbm && packing !== "quantized" ? "_to_hbm" : ""}`;
}

/** Templates by the name of what they answer. */
export function rowBlocks(plan: Plan): Readonly<Record<string, string>> {
  const inHbm = rowsInHbm(plan.kernels);
  return {
    load_rows: `kernel/rows/load_rows${inHbm ? "_to_hbm" : ""}`,
    pack_rows: packBlock(plan.layer, inHbm),
    ...quantizedBlocks(plan),
  };
}
