/**
 * How the kernel multiplies quantised weights. The matrix units take bfloat16 rows with 8-bit and
 * 4-bit weights as they are (measured, float4 on v7x alone), so one scale a column costs a multiply
 * of the product. Scales along the contraction cost more, by bundles of one product of 128 rows, K
 * 2048, N 768 (v5e is as v5p):
 *
 * | weights, rows of a scale | v5p scaled, product a block | v6e scaled, a block | v7x scaled, a block |
 * | ------------------------ | --------------------------- | ------------------- | ------------------- |
 * | bfloat16                 | 2552                        | 1013                | 963                 |
 * | float8, 32               | 6181, 8021                  | 3574, 5452          | 944                 |
 * | float8, 64               | 5760, 4127                  | 3352, 2887          |                     |
 * | float8, 128              | 5611, 2315                  | 3285, 1551          | 928, 1310           |
 * | int8, 32                 | 4235, 7173                  | 946                 |                     |
 * | int8, 128                | 3791, 2553                  | 917, 1473           |                     |
 * | int4, 32                 | 4343                        | 960                 | 944                 |
 * | int4, 128                | 3940, 2580                  | 917, 1455           | 933, 1380           |
 * | float4, 32               |                             |                     | 1050                |
 *
 * A product a block costs work for each row, a scaled weight for each weight, so that the number of
 * rows decides. The same product, scaled and a product a block, by rows:
 *
 * | weights, rows of a scale | 16        | 64         | 128        | 256        |
 * | ------------------------ | --------- | ---------- | ---------- | ---------- |
 * | float4, 128, v7x         | 837, 534  | 874, 987   | 920, 1714  |            |
 * | float4, 256, v7x         | 837, 465  | 875, 670   | 919, 1008  |            |
 * | float4, 512, v7x (/ 6)   | 780, 353  | 786, 411   | 794, 680   | 1313, 1183 |
 * | float8, 128, v7x         | 775, 491  | 809, 942   |            |            |
 * | int8, 128, v6e           | 794, 766  | 933, 1002  |            |            |
 * | int8, 256, v6e           | 766, 682  | 908, 851   | 1062, 1025 |            |
 * | int4, 512, v6e           | 764, 723  | 917, 893   | 1066, 1061 |            |
 *
 * Where weights go to the matrix units as float8 (v7x, float4 and int4 too), these take half the
 * pushes of bfloat16: that is what a product a block gains, and what bounds scaled weights.
 */

import type { Plan } from "../../plan/plan.ts";
import type { RoundedWeights } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { scaleBlock, sharedLayer } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { deviceOf } from "../../target/device/registry.ts";

/**
 * - columns: the product's columns are scaled;
 * - weights: weights are scaled, in bfloat16, before the product;
 * - products: a product for each block along the contraction, scaled and added up;
 * - by_rows: products where a body has few rows, else weights.
 */
export type Dequantization = "columns" | "weights" | "products" | "by_rows";

/** Least rows of a scale for which a product a block costs less than scaled weights. */
const LEAST_PRODUCT = { float8: 64, smallUnits: 128 } as const;

const TEXTS: Readonly<Record<Dequantization, string>> = {
  columns: "a product is scaled by column: one multiply for each of its elements",
  weights: "weights are made bfloat16 and scaled before a product, again for each row tile",
  products: "a product for each block of scales, scaled and added up in float32",
  by_rows:
    "bodies of few rows: a product for each block of scales, scaled and added up in float32; " +
    "others: weights are made bfloat16 and scaled before a product",
};

/** Least rows of a scale for which products cost less in every body, whatever the units. */
const ALWAYS_PRODUCTS = 512;

/** Most rows of a body for which a product a block costs less than scaled weights. */
export function productRows(block: number): number {
  return (block * 3) / 8;
}

/** Rows of the smallest body. */
const LEAST_BODY = 16;

/** One answer for all devices of a package: one body serves them. */
export function dequantizationFor(
  { quantization }: Pick<LayerSpec, "quantization">,
  names: readonly string[],
): Dequantization | undefined {
  if (quantization === undefined) return undefined;
  const block = scaleBlock(quantization);
  if (block === undefined) return "columns";
  // Exact, where a rounding would decide how an activated value is quantised.
  if (quantization.activations !== undefined) return "products";
  const kinds = names.map((name) => deviceOf(name));
  const float8 = quantization.weights.startsWith("float8");
  if (float8 && !kinds.every(({ unpacksFloat8 }) => unpacksFloat8)) {
    return block < LEAST_PRODUCT.float8 ? "weights" : "products";
  }
  const small = kinds.every(({ mxu }) => mxu.size === 128);
  if (block >= ALWAYS_PRODUCTS) return "products";
  if (small) return block >= LEAST_PRODUCT.smallUnits ? "products" : "weights";
  return productRows(block) >= LEAST_BODY ? "by_rows" : "weights";
}

/** The same for the routed experts of a plan; absent where their weights are plain. */
export function dequantizationOf({
  layer,
  kernels,
}: Pick<Plan, "layer" | "kernels">): Dequantization | undefined {
  return dequantizationFor(
    layer,
    kernels.map(({ device }) => device),
  );
}

/** The same for the shared experts' weights, which may be of another kind. */
export function sharedDequantization(plan: Plan): Dequantization | undefined {
  return dequantizationOf({ ...plan, layer: sharedLayer(plan.layer) });
}

/** Rows above which a body scales weights before a product; undefined: none does. */
function scaledAbove(
  way: Dequantization | undefined,
  { quantization }: Pick<LayerSpec, "quantization">,
): number | undefined {
  if (way === "weights") return 0;
  if (way !== "by_rows" || quantization === undefined) return undefined;
  return productRows(scaleBlock(quantization) ?? 0);
}

/** Scaling weights, not products, rounds what they are times their scales. */
export function roundedWeights(plan: Plan): RoundedWeights {
  const shared = sharedLayer(plan.layer);
  return defined({
    routed: scaledAbove(dequantizationOf(plan), plan.layer),
    shared: scaledAbove(sharedDequantization(plan), shared),
  });
}

/** What it costs, for `explain`. */
export function dequantizationText(plan: Plan): string | undefined {
  const way = dequantizationOf(plan);
  return way === undefined ? undefined : TEXTS[way];
}
