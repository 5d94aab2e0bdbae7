/** Which of their answers the functions of the feed-forward have in a plan. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { hasGate, scaleBlock, tokenRows, wordsAlong } from "../../spec/formats.ts";
import { activationBlock } from "../api/layer.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";
import { packingOf } from "../rows/packing.ts";
import { takesNarrowRows } from "../rows/widening.ts";
import { scaleUnit } from "../weights/quantization.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { dequantizationOf, productRows } from "./dequantize.ts";
import { scalesRows, weighsRows } from "./row-scales.ts";
import { cutsHidden } from "./rules.ts";

const HERE = "kernel/feed_forward";
const SCALED_ROWS = "kernel/rows/scaled_rows";

/** Sums of products of int8 are exact in int32; float32 takes the units' full precision. */
function dotBlock({ layer, kernels }: Plan): string {
  const names = kernels.map(({ device }) => device);
  if (takesNarrowRows(layer, names) && tokenRows(layer) === "int8") {
    return layer.sharedExperts === undefined ? "exact" : "exact_rows";
  }
  return layer.dtype === "bfloat16" ? "bfloat16" : "float32";
}

/** How gate and up lie in a tile. */
function gateUpKind(layer: Plan["layer"], wide: boolean): string {
  if (!hasGate(layer)) return "up";
  return wide ? "wide" : "separate";
}

/** Functions that work through weight tiles. */
function tiledBlocks({ layer, kernels }: Plan, wide: boolean): Record<string, string> {
  const biased = layer.biases === true ? "_biased" : "";
  const summed = cutsHidden(layer, kernels) ? "_sums" : "";
  const hidden = fillsLanes(layer.hidden) ? "lanes" : "ragged";
  const whole = fillsLanes(layer.intermediate);
  const rounded = layer.quantization?.activations === undefined ? "plain" : "quantized";
  return {
    feed_forward: `${HERE}/feed_forward_streamed`,
    form_operand: `${HERE}/form_operand/tiled_${packingOf(layer)}`,
    gate_up: `${HERE}/gate_up/${gateUpKind(layer, wide)}${summed}`,
    activation: `${HERE}/activation/${whole ? rounded : "by_down_tile"}${biased}`,
    projections: `${HERE}/projections/${gateUpKind(layer, wide)}`,
    add_results: `${HERE}/add_results/${hidden}`,
    down: `${HERE}/down/${hidden}${whole ? "" : "_by_tile"}`,
  };
}

/** Functions that have an expert's weights whole. */
function wholeBlocks({ layer }: Plan, wide: boolean): Record<string, string> {
  const biased = layer.biases === true ? "_biased" : "";
  const scaled = scalesRows(layer);
  const rounded = layer.quantization?.activations === undefined ? "plain" : "quantized";
  const gated = wide ? "wide" : scaled ? "scaled" : "separate";
  const products = hasGate(layer) ? gated : "up";
  return {
    feed_forward: `${HERE}/feed_forward_resident`,
    form_operand: `${HERE}/form_operand/whole_${packingOf(layer)}`,
    store_results: `${HERE}/store_results/${fillsLanes(layer.hidden) ? "lanes" : "ragged"}`,
    products: `${HERE}/products/${products}${biased}`,
    down_products: `${HERE}/products/down_${rounded}`,
  };
}

/** Templates by the name of what they answer. */
export function feedForwardBlocks(plan: Plan): Record<string, string> {
  const { layer, kernels } = plan;
  const [first] = kernels;
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  const way = dequantizationOf(plan);
  const along = wordsAlong(layer);
  return {
    activation_formula: activationBlock(plan.layer.activation),
    // With rows of 8 bits it is beside them.
    scaled_rows: weighsRows(layer) && tokenRows(layer) === undefined ? SCALED_ROWS : NO_BLOCK,
    dot: `${HERE}/dot/${dotBlock(plan)}`,
    scaled_dot:
      way === undefined
        ? NO_BLOCK
        : `${HERE}/scaled_dot/${along === undefined ? way : `exponents_along_${along}`}`,
    ...(isStreamed(kernels) ? tiledBlocks(plan, wide) : wholeBlocks(plan, wide)),
  };
}

/** What the docstrings say of the projections' buffers, and of the rows that are at hand. */
function sumsTexts({ layer, kernels }: Pick<Plan, "layer" | "kernels">) {
  const [first] = kernels;
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  const columns = fillsLanes(layer.intermediate) ? "bf" : "INTERMEDIATE_SIZE";
  const names = hasGate(layer) ? "gate_sums, up_sums" : "up_sums           ";
  return {
    sumsText: wide
      ? "gate_up_sums         (row_block, 2 * INTERMEDIATE_SIZE)"
      : `${names}   (row_block, ${columns})`,
    pairText: hasGate(layer) ? "2, " : "",
    heldRows: isStreamed(kernels) ? "row_block" : "bt",
  };
}

/** What the docstrings say of operands and scales. */
export function productTexts({ layer, kernels }: Plan): Record<string, unknown> {
  const { quantization, dtype } = layer;
  const names = kernels.map(({ device }) => device);
  const rows = tokenRows(layer) ?? dtype;
  const narrow = takesNarrowRows(layer, names);
  const weights = quantization?.weights ?? dtype;
  const operands =
    quantization === undefined
      ? `${dtype} operands`
      : `${dtype} rows with ${dtype} or ${weights} weights`;
  const shared = layer.sharedExperts === undefined ? "" : ` or ${dtype}`;
  const blocked = quantization !== undefined && dequantizationOf({ layer, kernels }) !== "columns";
  const unit = scaleUnit(layer);
  const words = wordsAlong(layer) === "columns";
  const activated = quantization?.activations !== undefined;
  return {
    scaledRows: scalesRows(layer),
    resultsText: "result_tiles     float32",
    ...sumsTexts({ layer, kernels }),
    weighedRows: weighsRows(layer),
    dotText: narrow
      ? `Matrix product of ${rows}${shared} rows with ${weights} weights, in float32.`
      : `Matrix product of ${operands}, summed in float32.`,
    scaleRowsOf: {
      hidden: blocked ? `HIDDEN_SIZE / ${unit}` : "one",
      intermediate: blocked ? `INTERMEDIATE_SIZE / ${unit}` : "one",
      bd: blocked ? `bd / ${unit}` : "1",
      bf: blocked ? `bf / ${unit}` : "1",
    },
    scaleColumnsOf: {
      hidden: fillsLanes(layer.hidden) ? "bd" : words ? "HIDDEN_WORDS" : "HIDDEN_SIZE",
      intermediate: fillsLanes(layer.intermediate)
        ? "bf"
        : words
          ? "INTERMEDIATE_WORDS"
          : "INTERMEDIATE_SIZE",
    },
    activatedDtype: activated && narrow ? rows : dtype,
    productRows: quantization === undefined ? 0 : productRows(scaleBlock(quantization) ?? 0),
    activatedText: activated ? `quantised to ${rows}` : `rounded to ${dtype}`,
  };
}
