/** What the templates say of quantised token and activated rows. */

import { isRelayed, isStreamed, resultsInHbm, rowsInHbm, sumsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { type Layout, layoutOf, rowChunk } from "./layout.ts";
import { sumChunk } from "./staged-sums.ts";
import { packedPart, sumsGoStraight } from "./types.ts";
import { takesNarrowRows } from "./widening.ts";

/** How token rows, sums and results lie in VMEM, and which of them are quantised. */
export function rowsContext(plan: Plan): Record<string, unknown> {
  const { layer, kernels } = plan;
  const inHbm = rowsInHbm(kernels);
  const sums = sumsInHbm(kernels);
  const layout = layoutOf(layer, inHbm);
  const narrow = takesNarrowRows(
    layer,
    kernels.map(({ device }) => device),
  );
  const rows = tokenRows(layer);
  const part = packedPart(layer);
  const quantized = rows !== undefined;
  const summed = layer.wire?.combine !== undefined;
  const straight = sumsGoStraight(layer);
  return {
    ...packedTexts(layer, layout),
    rowsInHbm: inHbm,
    sumsInHbm: sums,
    resultsInHbm: resultsInHbm(kernels),
    /** Sums in HBM are cleared before the pass that they are of. */
    clearsAhead: sums && !resultsInHbm(kernels),
    sumPitch: sums ? "SUM_PITCH" : "SUM_ROW",
    gatheredTiles: isStreamed(kernels) ? "row_block // bt" : "2",
    quantizedRows: quantized,
    quantizedRowsText:
      layer.quantization?.activations === undefined
        ? "Token rows"
        : "Token rows and activated rows",
    quantizedActivations: layer.quantization?.activations !== undefined,
    rowDtype: rows ?? layer.dtype,
    integerRows: rows === "int8",
    narrow,
    sharedActivations:
      layer.quantization?.activations === undefined ? "activations" : "shared_activations",
    operandDtype: narrow ? rows : layer.dtype,
    /** Rows of one tile of the operand, by name. */
    rowGroup: quantized ? "NARROW_ROW_GROUP" : "ROW_GROUP",
    partRow: part,
    straightSums: straight,
    /** Sums go through other devices, which add theirs. */
    relayedSums: isRelayed(plan) && !straight,
    /** Two sizes of packed rows: each with its name. */
    partRows: part === "PART_ROW",
    partText: !summed ? `two ${layer.dtype} in each` : "four int8 in each and its scale",
    /** Result rows have a size of their own: neither token rows nor sums are packed in pairs. */
    resultRows: quantized && summed,
    ...resultNames(quantized, summed, part),
  };
}

/** Names of the sublanes of a result row in pairs, and of its pitch: those of whatever lies alike. */
function resultNames(
  quantized: boolean,
  summed: boolean,
  part: string,
): { readonly resultRow: string; readonly resultPitch: string } {
  if (!quantized) return { resultRow: "ROW", resultPitch: "ROW_PITCH" };
  const resultRow = summed ? "RESULT_ROW" : part;
  return { resultRow, resultPitch: "RESULT_PITCH" };
}

/** How a token row, its partial sums and its result lie in VMEM. */
function packedTexts(layer: Plan["layer"], layout: Layout): Record<string, unknown> {
  return {
    word: layout.word,
    wordText:
      tokenRows(layer) !== undefined
        ? "uint32, four columns a quarter of the row apart"
        : layer.dtype === "bfloat16"
          ? `uint32: columns i (low half) and i + ${layout.paddedHidden / 2}`
          : "float32",
    rowSublanes: layout.row,
    partSublanes: layout.partRow,
    sumSublanes: layout.sumRow,
    sumPitchSublanes: layout.sumPitch,
    sumChunk: sumChunk(layout),
    rowChunk: rowChunk(layout),
    rowPitch: layout.rowPitch,
    resultSublanes: layout.resultRow,
    resultPitchSublanes: layout.resultPitch,
  };
}
