/** Where the devices of an expert-parallel group sit, and which links lie between two of them. */
import { onceFor } from "../../spec/once.ts";
import type { DeviceFacts } from "../../target/device/facts.ts";

export interface Topology {
  readonly devices: number;
  readonly chips: number;
  readonly shape: readonly number[];
  /** Links from one device to another, as indices below `links`; empty on one device. */
  readonly route: (from: number, to: number) => readonly number[];
  readonly links: number;
  /** Bandwidth of a link in bytes a second, one way. */
  readonly bandwidth: (link: number) => number;
  /** Links that leave a chip (a line's end has fewer), at most. */
  readonly linksOfChip: number;
}

/** Chips in the smallest box that holds them, as even as can be: 4 is 2 x 2, 8 is 2 x 2 x 2. */
export function boxOf(chips: number, dimensions: number): readonly number[] {
  const shape = Array.from({ length: dimensions }, () => 1);
  let rest = chips;
  for (let at = 0; rest > 1; at++) {
    // An odd factor goes into one dimension as it is: groups are powers of two nearly always.
    const factor = rest % 2 === 0 ? 2 : rest;
    const index = dimensions - 1 - (at % dimensions);
    shape[index] = (shape[index] ?? 1) * factor;
    rest /= factor;
  }
  return shape;
}

const made = onceFor<DeviceFacts, Topology>();

/** Chips and links of a group of `ep` devices; made once, since many ask for the same ways. */
export function topologyOf(device: DeviceFacts, devices: number): Topology {
  return made(device, `${devices}`, () => makeTopology(device, devices));
}

function makeTopology(device: DeviceFacts, devices: number): Topology {
  const { ici } = device.timing;
  const perChip = Math.min(ici.devicesPerChip, devices);
  const chips = Math.ceil(devices / perChip);
  const shape = boxOf(chips, ici.dimensions);
  const strides = shape.map((_, at) => shape.slice(at + 1).reduce((a, b) => a * b, 1));
  const chipOf = (index: number): number => Math.floor(index / perChip);
  const place = (chip: number): number[] =>
    shape.map((size, at) => Math.floor(chip / (strides[at] ?? 1)) % size);
  // Two links of each dimension leave a chip: up and down. One more stands for the chip itself.
  const perNode = 2 * shape.length + 1;
  const inside = (link: number): boolean => link % perNode === perNode - 1;

  const route = (from: number, to: number): readonly number[] => {
    if (from === to) return [];
    const [start, end] = [chipOf(from), chipOf(to)];
    if (start === end) return [start * perNode + perNode - 1];
    const links: number[] = [];
    const here = place(start);
    const there = place(end);
    shape.forEach((size, at) => {
      const wraps = size >= ici.wrapsFrom;
      while (here[at] !== there[at]) {
        const ahead = ((there[at] ?? 0) - (here[at] ?? 0) + size) % size;
        const up = wraps ? ahead <= size / 2 : (there[at] ?? 0) > (here[at] ?? 0);
        const chip = here.reduce((sum, value, d) => sum + value * (strides[d] ?? 1), 0);
        links.push(chip * perNode + 2 * at + (up ? 0 : 1));
        here[at] = ((here[at] ?? 0) + (up ? 1 : size - 1)) % size;
      }
    });
    return links;
  };
  const known = new Map<number, readonly number[]>();
  return {
    devices,
    chips,
    shape,
    links: chips * perNode,
    linksOfChip: shape
      .filter((size) => size > 1)
      .reduce((sum, size) => sum + (size > 2 ? 2 : 1), 0),
    bandwidth: (link) => (inside(link) ? ici.chipBandwidth.value : ici.linkBandwidth.value),
    route: (from, to) => {
      const key = from * devices + to;
      const found = known.get(key) ?? route(from, to);
      known.set(key, found);
      return found;
    },
  };
}
