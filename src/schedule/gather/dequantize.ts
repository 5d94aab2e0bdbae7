/**
 * How the kernel multiplies quantised weights. The matrix units take bfloat16 rows with 8-bit
 * weights as they are (measured, all four devices), so one scale a column costs a multiply of the
 * product. Scales along the contraction cost more, by bundles of 128 rows, D 2048, F 768:
 *
 * | scales of 128 rows      | v7x float8 | v6e float8 | v6e int8 | bfloat16 v7x, v6e |
 * | ----------------------- | ---------- | ---------- | -------- | ----------------- |
 * | weights scaled as bf16  | 2863       | 10597      | 3206     | 2750, 3201        |
 * | a product a block       | 5183       | 5352       | 5248     |                   |
 */
import { scaleBlock } from "../../dsl/quantization.ts";
import type { Plan } from "../../plan/plan.ts";
import { devices } from "../../target/device/registry.ts";

/**
 * - columns: the product's columns are scaled;
 * - weights: weights are scaled, in bfloat16, before the product;
 * - products: a product for each block along the contraction, scaled and added up.
 */
export type Dequantization = "columns" | "weights" | "products";

const TEXTS: Readonly<Record<Dequantization, string>> = {
  columns: "a product is scaled by column: one multiply for each of its elements",
  weights: "weights are made bfloat16 and scaled before a product, again for each row tile",
  products: "a product for each block of scales, scaled and added up in float32",
};

/** One answer for all devices of a package: one body serves them. */
function dequantizationOf({ layer, kernels }: Plan): Dequantization | undefined {
  const { quantization } = layer;
  if (quantization === undefined) return undefined;
  if (scaleBlock(quantization) === undefined) return "columns";
  if (!quantization.weights.startsWith("float8")) return "weights";
  return kernels.every(({ device }) => devices[device].unpacksFloat8) ? "weights" : "products";
}

/** What it costs, for `explain`. */
export function dequantizationText(plan: Plan): string | undefined {
  const way = dequantizationOf(plan);
  return way === undefined ? undefined : TEXTS[way];
}

/** How the templates say a product with weights that lie in VMEM. */
export function productContext(plan: Plan): Record<string, unknown> {
  const way = dequantizationOf(plan);
  const ways = {
    scaleColumns: way === "columns",
    scaleWeights: way === "weights",
    scaleProducts: way === "products",
  };
  /** A tile as `dot` takes it; with scales as `scaled_dot` does. `columns`: those it has of F. */
  const tile = (part: 0 | 1, columns: string): string => {
    const index = `slot, ${part}`;
    if (way === undefined) return `r.gate_up_tiles[${index}${columns && `, :, ${columns}`}]`;
    const scales = `r.gate_up_scales.at[${index}${columns && `, :, :, ${columns}`}]`;
    return `r.gate_up_tiles.at[${index}${columns && `, :, ${columns}`}], ${scales}`;
  };
  /** Of the shared experts: the first rows of the tile, and their scales. */
  const sharedDown = (rows: string): string => {
    if (way === undefined) return `r.down_tiles[slot, ${rows}, :]`;
    const scales = way === "columns" ? "" : ", pl.ds(0, s.tiles.shared_tile // SCALE_BLOCK)";
    return `r.down_tiles.at[slot, ${rows}], r.down_scales.at[slot${scales}]`;
  };
  /** All columns of a wide tile, or some of them. */
  const wide = (columns: string): string => {
    const index = `slot${columns && `, :, ${columns}`}`;
    if (way === undefined) return `r.gate_up_tiles[${index}]`;
    const scales = `slot${columns && `, :, :, ${columns}`}`;
    return `r.gate_up_tiles.at[${index}], r.gate_up_scales.at[${scales}]`;
  };
  const width = "pl.ds(0, width)";
  return {
    ...ways,
    dot: way === undefined ? "dot" : "scaled_dot",
    gateTile: tile(0, ""),
    upTile: tile(1, ""),
    downTile:
      way === undefined ? "r.down_tiles[slot]" : "r.down_tiles.at[slot], r.down_scales.at[slot]",
    wideTile: wide(""),
    wideGateWidth: wide(width),
    wideUpWidth: wide("pl.ds(width, width)"),
    wideGateColumns: wide("columns"),
    wideUpColumns: wide("up_columns"),
    sharedGateWidth: tile(0, width),
    sharedUpWidth: tile(1, width),
    sharedDownWidth: sharedDown(width),
    sharedGateColumns: tile(0, "columns"),
    sharedUpColumns: tile(1, "columns"),
    sharedDownColumns: sharedDown("columns"),
  };
}
