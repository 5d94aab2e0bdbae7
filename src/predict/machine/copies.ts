/** Copies of an all-gather: each part of each device's block along a tree to all others. */
import { isRing, type Torus } from "./torus.ts";

/** One copy of a part of a block from device to device. */
export interface Copy {
  readonly block: number;
  readonly part: number;
  readonly from: number;
  readonly to: number;
  /** Place of the copy's dimension in the part's order, and how far along it. */
  readonly stage: number;
  readonly hop: number;
}

/** Order in which each part takes the dimensions: chips' rotated, the other way round too, pair last. */
export function ordersOf({ sizes }: Torus, parts: number): readonly (readonly number[])[] {
  const chips = sizes.length - 1;
  return Array.from({ length: parts }, (_, part) => {
    const order = Array.from({ length: chips }, (_dimension, at) => (at + part) % chips);
    const turned = Math.floor(part / Math.max(chips, 1)) % 2 === 1;
    return [...(turned ? order.reverse() : order), chips];
  });
}

function placesOf({ sizes }: Torus, devices: number): readonly (readonly number[])[] {
  return Array.from({ length: devices }, (_, device) => {
    const place: number[] = [];
    let rest = device;
    for (const size of [...sizes].reverse()) {
      place.unshift(rest % size);
      rest = Math.floor(rest / size);
    }
    return place;
  });
}

/** Steps along one dimension from `here` to `there`: of a ring the shorter way, of two by the part. */
function distance(here: number, there: number, size: number, wraps: boolean, part: number): number {
  if (!wraps) return there - here;
  const ahead = (there - here + size) % size;
  const up = 2 * ahead < size || (2 * ahead === size && part % 2 === 0);
  return up ? ahead : ahead - size;
}

/** Every copy of an all-gather: each device gets each part of each other's block once. Throws RangeError where they fill no box. */
export function copiesOf(torus: Torus, devices: number, parts: number): readonly Copy[] {
  const all = Array.from({ length: devices }, (_, device) => device);
  if (parts === 0) {
    const straight = { part: 0, stage: 0, hop: 1 };
    return all.flatMap((block) =>
      all
        .slice(1)
        .map((step) => ({ ...straight, block, from: block, to: (block + step) % devices })),
    );
  }
  const { sizes } = torus;
  const places = placesOf(torus, devices);
  const at = new Map(places.map((place, device) => [place.join(), device]));
  return ordersOf(torus, parts).flatMap((order, part) =>
    places.flatMap((root, block) =>
      places.flatMap((place, to): Copy[] => {
        const stage = order.findLastIndex((dimension) => place[dimension] !== root[dimension]);
        const dimension = order[stage];
        if (dimension === undefined) return [];
        const size = sizes[dimension] ?? 1;
        const [here, there] = [place[dimension] ?? 0, root[dimension] ?? 0];
        const way = distance(here, there, size, isRing(torus, dimension), part);
        const nearer = (here + Math.sign(way) + size) % size;
        const from = at.get(place.with(dimension, nearer).join());
        if (from === undefined)
          throw new RangeError(`${devices} devices are no box of ${sizes.join(" x ")}`);
        return [{ block, part, from, to, stage, hop: Math.abs(way) }];
      }),
    ),
  );
}

/** In the order in which they arrive: by dimension, by distance, then nearer devices first. */
export function order(devices: number, me: number): (a: Copy, b: Copy) => number {
  const away = ({ block }: Copy): number => (block - me + devices) % devices;
  return (a, b) =>
    a.stage - b.stage || a.hop - b.hop || a.part - b.part || away(a) - away(b) || a.to - b.to;
}

/** Whether another is of the same part. */
export const same =
  (a: Copy) =>
  (b: Copy): boolean =>
    a.block === b.block && a.part === b.part;
