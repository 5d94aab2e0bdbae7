/** How the templates cut F and D. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { fillsLanes, hiddenRows, paddedHidden as paddedHiddenOf } from "../rows/layout.ts";
import { tileShapeOf } from "./tile-shape.ts";

/** Along columns where they fill lanes, else along rows. */
export function tilingContext({ layer, kernels }: Plan): Record<string, unknown> {
  const paddedHidden = paddedHiddenOf(layer);
  const raggedHidden = !fillsLanes(layer.hidden);
  const raggedIntermediate = !fillsLanes(layer.intermediate);
  const padded = paddedHidden !== layer.hidden;
  const rowColumns = padded ? "PADDED_HIDDEN" : "HIDDEN_SIZE";
  const [first] = kernels;
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  return {
    // Where a cut does not fill lanes it is along rows.
    cutAlongRows: isStreamed(kernels) && (raggedHidden || raggedIntermediate),
    weightRows: hiddenRows(layer),
    raggedHidden,
    raggedIntermediate,
    padded,
    paddedHidden,
    paddedTileText: raggedHidden ? ": each hidden tile's fill lanes" : "",
    wide,
    rowColumns,
    pairedColumns: `columns i and i + ${rowColumns} / 2`,
    operandColumns: padded ? "pl.ds(0, HIDDEN_SIZE)" : ":",
    operandTile: raggedHidden ? "operand_columns" : "bd",
    /** Columns of one hidden tile's operand that have a row of weights. */
    tileColumns: raggedHidden ? "pl.ds(0, s.tiles.bd)" : ":",
    operandTileText: raggedHidden ? "s.operand_columns" : "s.tiles.bd",
    /** What the first row of a tile is a multiple of. */
    hiddenMultiple: raggedHidden ? "WEIGHT_ROWS" : "bd",
    intermediateMultiple: raggedIntermediate ? "WEIGHT_ROWS" : "bf",
    intermediateTile: raggedIntermediate ? "INTERMEDIATE_SIZE" : "bf",
    hiddenTile: raggedHidden ? "HIDDEN_SIZE" : "bd",
  };
}
