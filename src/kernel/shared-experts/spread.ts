/**
 * How the shared experts are spread: as one feed-forward of S = count * intermediate columns, cut
 * over the devices, so that their weights cross HBM once in all. Each device adds its columns'
 * share to the sums of every token. Where S does not cut into whole registers for every device,
 * groups of neighbouring devices take the same columns, and each of a group other devices' tokens.
 * Where rows go to those that need them alone, the group is all devices.
 */

import { goByNeed } from "../../plan/call.ts";
import { divisors } from "../../plan/divisors.ts";
import type { ByNeed, Plan } from "../../plan/plan.ts";
import { sharedLayer } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { type Layer, tileUnit } from "../rows/layout.ts";
import { type TileShape, tileShapeOf } from "../weights/tile-shape.ts";

type TileSizes = Parameters<typeof tileShapeOf>[1];

export interface Shared {
  /** S: columns of all shared experts together. */
  readonly size: number;
  /** Devices that take the same columns; 1: the arrays are sharded, else on every device whole. */
  readonly replicas: number;
  /** Columns of one device. */
  readonly columns: number;
  /** Devices whose tokens one device computes. */
  readonly blocks: number;
  readonly gated: boolean;
  /** Least columns of a tile. */
  readonly unit: number;
}

/** Undefined: the layer has none. `byNeed`: no device has all rows, and each takes its own through all columns. */
export function sharedOf(
  layer: Pick<Layer, "sharedExperts" | "quantization">,
  devices: number,
  byNeed?: ByNeed,
): Shared | undefined {
  const { sharedExperts } = layer;
  if (sharedExperts === undefined) return undefined;
  const size = sharedExperts.count * sharedExperts.intermediate;
  const unit = tileUnit(sharedLayer(layer));
  const cuts = (replicas: number): boolean => size % (unit * (devices / replicas)) === 0;
  const replicas = byNeed === undefined ? (divisors(devices).find(cuts) ?? devices) : devices;
  const blocks = devices / replicas;
  return {
    size,
    replicas,
    columns: size / blocks,
    blocks,
    gated: sharedExperts.gate === "sigmoid",
    unit,
  };
}

/** How those of a plan are spread. */
export function planShared({
  layer,
  mesh,
  kernels,
}: Pick<Plan, "layer" | "mesh" | "kernels">): Shared | undefined {
  return sharedOf(layer, devicesOf(mesh), goByNeed(kernels));
}

/** Columns of S that lie in the HBM of one of so many devices. */
export function sharedHeld(layer: Layer, devices: number): number {
  const shared = sharedOf(layer, devices);
  if (shared === undefined) return 0;
  return shared.replicas === 1 ? shared.columns : shared.size;
}

/**
 * Whether a device's columns may be several tiles. Whole experts in VMEM leave nothing to tile in
 * the least columns that there are: the kernel then has no loop over them.
 */
export function isTiled({ columns, unit }: Shared, streamed: boolean): boolean {
  return streamed || columns > unit;
}

/**
 * Whether some tiles have more slots than the shared experts' weight tiles take before the routed
 * ones start: than gate and up ones or down ones, whichever are fewer.
 */
export function leavesSlots(
  shared: Shared,
  layer: Layer,
  kernels: readonly { readonly tiles: TileSizes & { readonly slots: number } }[],
  streamed: boolean,
): boolean {
  return kernels.some(({ tiles }) => {
    const shape = tileShapeOf(layer, tiles);
    const columns = shared.columns / sharedTileOf(shared, shape);
    const least = streamed ? columns * (layer.hidden / shape.downColumns) : columns;
    return tiles.slots - 1 > least;
  });
}

/** Columns of one weight tile of the shared experts: they use the routed experts' slots. */
export function sharedTileOf({ columns, unit }: Shared, shape: TileShape): number {
  const most = Math.min(shape.gateUpColumns, shape.downRows);
  let tile = unit;
  for (let size = unit; size <= Math.min(most, columns); size += unit) {
    if (columns % size === 0) tile = size;
  }
  return tile;
}
