/** What multiplies each row of the gate and up projections: a scale of 8 bits, a routing weight, or both. */
import { type Held, listsInHbm } from "../../plan/call.ts";
import { tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";

type Rows = Pick<LayerSpec, "quantization" | "wire" | "scoreOn">;

/** Whether a token's weight multiplies its expert's rows: w (x W) is (w x) W. */
export function weighsRows({ scoreOn }: Pick<LayerSpec, "scoreOn">): boolean {
  return scoreOn === "input";
}

/** Whether projections of the routed experts' rows are scaled row by row. */
export function scalesRows(layer: Rows): boolean {
  return tokenRows(layer) !== undefined || weighsRows(layer);
}

/** The same of the shared experts' rows, which no weight multiplies. */
export function sharedRowScales({ layer }: { readonly layer: Rows }): readonly string[] {
  return tokenRows(layer) === undefined ? [] : ["row_scales"];
}

/** What says what an expert's rows weigh. */
export function weightsRead(held: Held): readonly string[] {
  return listsInHbm(held) ? ["expert_weights"] : ["expert_entries", "all_routes"];
}
