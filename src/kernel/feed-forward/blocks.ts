/** Which of their answers the functions of the feed-forward have in a plan. */
import type { Plan } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { NO_BLOCK } from "../part.ts";
import { takesNarrowRows } from "../rows/widening.ts";
import { dequantizationOf } from "./dequantize.ts";

const HERE = "kernel/feed_forward";

function isNarrow({ layer, kernels }: Plan): boolean {
  return takesNarrowRows(
    layer,
    kernels.map(({ device }) => device),
  );
}

/** Sums of products of int8 are exact in int32; float32 takes the units' full precision. */
function dotBlock(plan: Plan): string {
  const { layer } = plan;
  if (isNarrow(plan) && tokenRows(layer) === "int8") {
    return layer.sharedExperts === undefined ? "exact" : "exact_rows";
  }
  return layer.dtype === "bfloat16" ? "bfloat16" : "float32";
}

/** Templates by the name of what they answer. */
export function feedForwardBlocks(plan: Plan): Record<string, string> {
  const way = dequantizationOf(plan);
  return {
    dot: `${HERE}/dot/${dotBlock(plan)}`,
    scaled_dot: way === undefined ? NO_BLOCK : `${HERE}/scaled_dot/${way}`,
  };
}

/** What the docstrings say of operands. */
export function productTexts(plan: Plan): Record<string, unknown> {
  const { quantization, dtype, sharedExperts } = plan.layer;
  const rows = tokenRows(plan.layer) ?? dtype;
  const weights = quantization?.weights ?? dtype;
  const operands =
    quantization === undefined
      ? `${dtype} operands`
      : `${dtype} rows with ${dtype} or ${weights} weights`;
  const shared = sharedExperts === undefined ? "" : ` or ${dtype}`;
  return {
    dotText: isNarrow(plan)
      ? `Matrix product of ${rows}${shared} rows with ${weights} weights, in float32.`
      : `Matrix product of ${operands}, accumulated in float32.`,
  };
}
