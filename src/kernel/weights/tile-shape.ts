/**
 * Shapes of the weight tiles. A tile cuts an axis either along rows, in steps of 16, or along
 * columns, in steps of 128 lanes: an axis that does not fill lanes is cut along rows alone, and
 * where it lies along columns a tile takes all of it.
 */
import { fillsLanes, LANES, type Layer, roundUp } from "../rows/layout.ts";

export interface TileShape {
  /** Gate and up: (rows of D, columns of F). */
  readonly gateUpRows: number;
  readonly gateUpColumns: number;
  /** Down: (rows of F, columns of D). */
  readonly downRows: number;
  readonly downColumns: number;
  /** Columns of the operand that one gate and up tile takes, in whole vector registers. */
  readonly operandColumns: number;
  /** Gate and up columns come as they lie, in one piece: their border is inside a register. */
  readonly wide: boolean;
}

/** Rows and columns of gate and up tiles and of down tiles. */
export function tileShapeOf(
  layer: Pick<Layer, "hidden" | "intermediate" | "weights">,
  { bf, bd }: { readonly bf: number; readonly bd: number },
): TileShape {
  const { hidden, intermediate, weights } = layer;
  return {
    gateUpRows: bd,
    gateUpColumns: fillsLanes(intermediate) ? bf : intermediate,
    downRows: bf,
    downColumns: fillsLanes(hidden) ? bd : hidden,
    operandColumns: roundUp(bd, LANES),
    wide: weights === "side_by_side" && !fillsLanes(intermediate),
  };
}

/** Tiles of one expert: gate and up ones for each of F's column tiles, down ones likewise. */
export function tileCounts(
  layer: Pick<Layer, "hidden" | "intermediate" | "weights">,
  tiles: { readonly bf: number; readonly bd: number },
): { readonly intermediate: number; readonly gateUp: number; readonly down: number } {
  const shape = tileShapeOf(layer, tiles);
  const intermediate = layer.intermediate / shape.gateUpColumns;
  return {
    intermediate,
    gateUp: intermediate * (layer.hidden / shape.gateUpRows),
    down: (layer.intermediate / shape.downRows) * (layer.hidden / shape.downColumns),
  };
}
