/** Weight tiles of shared experts whose weights are of another kind than the routed ones'. */
import { sharedLayer } from "../../spec/formats.ts";
import type { BufferDeclaration, BufferInput, Dim } from "./declaration.ts";
import { scaleTiles } from "./scales.ts";
import { isTiled, sharedOf, sharedTileOf } from "./shared.ts";
import { tileShapeOf } from "./tile-shape.ts";

/** They take the same slots in turn, each in buffers of its own. */
export function sharedTiles(
  { layer, ep, tiles, streamed }: BufferInput,
  routedSlots: Dim,
  rows: Dim,
  columns: Dim,
): readonly BufferDeclaration[] {
  const shared = sharedOf(layer, ep);
  if (shared === undefined) return [];
  const tiled = isTiled(shared, streamed);
  const slots: Dim = tiled ? routedSlots : ["1", 1];
  const tile: Dim = tiled
    ? ["s.tiles.shared_tile", sharedTileOf(shared, tileShapeOf(layer, tiles))]
    : ["SHARED_COLUMNS", shared.columns];
  const { quantization } = sharedLayer(layer);
  const vmem = (
    name: string,
    dims: readonly Dim[],
    type: Pick<BufferDeclaration, "dtype" | "dtypeText">,
    meaning: string,
  ): BufferDeclaration => ({
    ...{ name: `shared_${name}`, space: "VMEM", dims, slots: slots[1] },
    ...{ ...type, meaning: `${meaning} of the shared experts` },
  });
  const weight =
    quantization === undefined
      ? ({ dtype: layer.dtype, dtypeText: "DTYPE" } as const)
      : ({ dtype: quantization.weights, dtypeText: "SHARED_WEIGHT_DTYPE" } as const);
  const found = [
    vmem("gate_up_tiles", [slots, ["2", 2], rows, tile], weight, "gate and up weight tiles"),
    vmem("down_tiles", [slots, tile, columns], weight, "down weight tiles"),
  ];
  if (quantization === undefined) return found;
  const scales = scaleTiles(
    { quantization, prefix: "SHARED_" },
    slots,
    { rows, columns: tile, wide: false },
    { rows: tile, columns },
  );
  const float = { dtype: "float32", dtypeText: "jnp.float32" } as const;
  return [
    ...found,
    vmem("gate_up_scales", scales.gateUp, float, "scales of gate and up weights"),
    vmem("down_scales", scales.down, float, "scales of down weights"),
  ];
}
