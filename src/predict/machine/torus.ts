/** Where the devices of a group sit: chips in a box of the torus, several devices on a chip. */

import type { Device } from "../../target/device/device.ts";
import { boxOf } from "./topology.ts";

export interface Torus {
  /** Chips along each dimension that has more than one, then the devices of a chip. */
  readonly sizes: readonly number[];
  /** Chips from which on a dimension closes to a ring. */
  readonly wrapsFrom: number;
}

/** The box that a group takes in the order of JAX's devices: the last dimension is the nearest. */
export function torusOf(device: Device, ep: number): Torus {
  const { devicesPerChip, dimensions, wrapsFrom } = device.timing.ici;
  const onChip = Math.min(devicesPerChip, ep);
  const chips = boxOf(Math.ceil(ep / onChip), dimensions).filter((size) => size > 1);
  return { sizes: [...chips, onChip], wrapsFrom };
}

/** Whether the devices fill the chips that they sit on: else there is no box to send along. */
export function fillsChips(device: Device, ep: number): boolean {
  return ep % Math.min(device.timing.ici.devicesPerChip, ep) === 0;
}

/** Whether a dimension is a ring: one of chips that is long enough; devices of a chip are a line. */
export function isRing({ sizes, wrapsFrom }: Torus, dimension: number): boolean {
  return dimension < sizes.length - 1 && (sizes[dimension] ?? 1) >= wrapsFrom;
}

/** Copies that follow each other on the way to the device that is farthest. */
export function longestWay(torus: Torus): number {
  return torus.sizes.reduce(
    (sum, size, at) => sum + (isRing(torus, at) ? Math.floor(size / 2) : size - 1),
    0,
  );
}
