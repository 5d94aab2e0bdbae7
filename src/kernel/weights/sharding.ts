/** How the routed experts' arrays are cut over the mesh: along experts, and along their columns. */
import { hasBlockColumns } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { type ArrayInput, F } from "./layouts.ts";

/** Columns of an expert on all devices: F of the package is what one has of them. */
export const ALL_COLUMNS = `TP_SIZE * ${F}`;

/** Whether a dimension is an expert's columns, or rows of their scales. */
const alongColumns = (dim: string): boolean => dim === F || dim.startsWith(`${F} //`);

/** Partition spec of an array whose dimensions these are; `tp`: its columns are cut. */
export function expertSpec(dims: readonly string[], tp: number | undefined): string {
  const axis = dims.findIndex(alongColumns);
  if (tp === undefined) return "by_expert";
  if (axis < 0) return "P(EXPERT_AXES)";
  return `P(EXPERT_AXES, ${"None, ".repeat(axis - 1)}COLUMN_AXES)`;
}

/** The same as a docstring says it. */
export function expertSpecText(dims: readonly string[], tp: number | undefined): string {
  const axis = dims.findIndex(alongColumns);
  if (tp === undefined || axis < 0) return "sharded on experts";
  return `sharded on experts and ${axis === dims.length - 1 ? "columns" : "rows"}`;
}

/** Dimensions of an array as the kernel takes it: scales of blocks come in as rows of scales. */
export function kernelDims(
  { name, dims }: ArrayInput,
  { quantization }: Pick<LayerSpec, "quantization">,
): readonly string[] {
  const rows =
    name.endsWith("_scale") && quantization !== undefined && hasBlockColumns(quantization);
  return rows ? dims.toSpliced(-1, 0, "1") : dims;
}
