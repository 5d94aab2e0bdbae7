/** What one device does for the shared experts in one call. */
import { sharedLayer, weightBytes } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import type { KernelInput } from "../frame.ts";
import { expertScaleBytes } from "../weights/scales.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { sharedOf, sharedTileOf } from "./spread.ts";

/** The shared experts on one device, in one call. */
export interface SharedLoad {
  /** Tokens it computes them for. */
  readonly rows: number;
  readonly rowTiles: number;
  /** Times its columns cross HBM. */
  readonly reads: number;
  /** Weight tiles of its columns: of gate and up, and of down. */
  readonly tiles: { readonly columns: number; readonly gateUp: number; readonly down: number };
  readonly weightBytes: { readonly gateUp: number; readonly down: number };
  /** Bytes of their scales. */
  readonly scaleBytes: { readonly gateUp: number; readonly down: number };
}

/** Undefined: the layer has none. */
export function sharedLoad(input: KernelInput): SharedLoad | undefined {
  const { layer, sizes, tiles, streamed, byNeed } = input;
  const shared = sharedOf(layer, devicesOf(input), byNeed);
  if (shared === undefined) return undefined;
  const shape = tileShapeOf(layer, tiles);
  const positions = shared.blocks * sizes.passTokens;
  const columns = shared.columns / sharedTileOf(shared, shape);
  const bytes = layer.hidden * shared.columns * weightBytes(sharedLayer(layer));
  const others = positions - sizes.passTokens;
  const rowTiles = streamed
    ? Math.ceil(positions / tiles.bt)
    : Math.ceil(sizes.passTokens / tiles.bt) + Math.ceil(others / tiles.bt);
  return {
    rows: positions * sizes.passes,
    rowTiles: rowTiles * sizes.passes,
    reads: sizes.passes * (streamed ? Math.ceil(positions / tiles.rowBlock) : 1),
    tiles: {
      columns,
      gateUp: streamed ? columns * (layer.hidden / shape.gateUpRows) : columns,
      down: streamed ? columns * (layer.hidden / shape.downColumns) : columns,
    },
    weightBytes: { gateUp: 2 * bytes, down: bytes },
    scaleBytes: expertScaleBytes(sharedLayer(layer), shared.columns),
  };
}

/** Rows that a stage goes over in one call: the weights' columns are gone through for each tile. */
export function rowsOnce(
  { streamed }: Pick<KernelInput, "streamed">,
  { rows, tiles }: SharedLoad,
): number {
  return rows * (streamed ? 1 : tiles.columns);
}
