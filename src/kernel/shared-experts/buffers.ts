/** Weight tiles of shared experts whose weights are of another kind than the routed ones'. */
import { sharedApart, sharedLayer } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import {
  type BufferDeclaration,
  type Dim,
  type ElementType,
  FLOAT,
  TWO,
  vmem,
} from "../declaration.ts";
import type { KernelInput } from "../frame.ts";
import { elementType } from "../rows/types.ts";
import { tileDims } from "../weights/part.ts";
import { scaleTiles } from "../weights/scales.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { isTiled, sharedOf, sharedTileOf } from "./spread.ts";

/** They take the same slots in turn, each in buffers of its own. */
export function sharedTiles(input: KernelInput): readonly BufferDeclaration[] {
  const { layer, tiles, streamed } = input;
  const shared = sharedOf(layer, devicesOf(input), input.byNeed);
  if (shared === undefined || !sharedApart(layer)) return [];
  const { slots: routedSlots, bd: rows, columnsD: columns } = tileDims(input);
  const tiled = isTiled(shared, streamed);
  const slots: Dim = tiled ? routedSlots : ["1", 1];
  const tile: Dim = tiled
    ? ["s.tiles.shared_tile", sharedTileOf(shared, tileShapeOf(layer, tiles))]
    : ["SHARED_COLUMNS", shared.columns];
  const { quantization } = sharedLayer(layer);
  const own = (
    name: string,
    dims: readonly Dim[],
    type: ElementType,
    meaning: string,
  ): BufferDeclaration =>
    vmem(`shared_${name}`, dims, type, `${meaning} of the shared experts`, slots[1]);
  const weight: ElementType =
    quantization === undefined
      ? elementType(layer)
      : { dtype: quantization.weights, dtypeText: "SHARED_WEIGHT_DTYPE" };
  const found = [
    own("gate_up_tiles", [slots, TWO, rows, tile], weight, "gate and up weight tiles"),
    own("down_tiles", [slots, tile, columns], weight, "down weight tiles"),
  ];
  if (quantization === undefined) return found;
  const scales = scaleTiles(
    { layer: sharedLayer(layer), prefix: "SHARED_" },
    slots,
    { rows, columns: tile, pair: true },
    { rows: tile, columns },
  );
  return [
    ...found,
    own("gate_up_scales", scales.gateUp, FLOAT, "scales of gate and up weights"),
    own("down_scales", scales.down, FLOAT, "scales of down weights"),
  ];
}
