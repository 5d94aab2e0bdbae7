/** Legal tiles near given ones that do fit: what a message about VMEM offers. */

import type { KernelPlan } from "../plan/plan.ts";
import type { TileAxis, TiledAxis, TileRequest } from "../schedule/schedule.ts";
import { fits, layerOf, lowerBucket, rowCounts, type Target } from "./tiles.ts";

export interface Alternative {
  /** The axes that change, with their new values. */
  readonly changes: Readonly<Partial<Record<TileAxis | "slots", number>>>;
  readonly kernel: KernelPlan;
}

/** What costs least is offered first. */
function byCost({ schedule }: Target): readonly TiledAxis[] {
  return [...schedule.axes].sort((a, b) => a.cost - b.cost);
}

/** Enough to find a fit, few enough to lower them all without a noticeable wait. */
const MOST_CANDIDATES = 12;

function distance(from: number, to: number): number {
  return Math.abs(Math.log2(to / from));
}

/** Smaller values, nearest first: VMEM grows with every tile, so larger ones cannot help. */
function smaller(target: Target, axis: TileAxis, value: number): readonly number[] {
  const below = target.schedule
    .axisRule(layerOf(target), axis)
    .legal.filter((member) => member < value)
    .reverse();
  if (below.length <= MOST_CANDIDATES) return below;
  const step = (below.length - 1) / (MOST_CANDIDATES - 1);
  return Array.from({ length: MOST_CANDIDATES }, (_, i) => below[Math.round(i * step)] ?? value);
}

function changed(tiles: TileRequest, changes: Alternative["changes"]): TileRequest {
  const { btc: _, ...rest } = { ...tiles, ...changes };
  const btc = rowCounts(tiles.btc, rest.bt);
  return btc === undefined ? rest : { ...rest, btc };
}

/**
 * One alternative for each axis that alone makes it fit; where none does, the nearest change of
 * several axes. Empty when nothing fits at all.
 */
export function fittingAlternatives(target: Target, tiles: TileRequest): readonly Alternative[] {
  const attempt = (changes: Alternative["changes"]): Alternative | undefined => {
    const kernel = lowerBucket(target, changed(tiles, changes));
    return fits(kernel) ? { changes, kernel } : undefined;
  };
  const single: Alternative[] = [];
  for (const { name: axis } of byCost(target)) {
    for (const value of smaller(target, axis, tiles[axis])) {
      const found = attempt({ [axis]: value });
      if (found === undefined) continue;
      single.push(found);
      break;
    }
  }
  if ((tiles.slots ?? 2) > 2) {
    const found = attempt({ slots: 2 });
    if (found !== undefined) single.push(found);
  }
  return single.length > 0 ? single : together(target, tiles, attempt);
}

function together(
  target: Target,
  tiles: TileRequest,
  attempt: (changes: Alternative["changes"]) => Alternative | undefined,
): readonly Alternative[] {
  const axes = byCost(target);
  const combinations = axes.reduce<readonly Readonly<Partial<Record<TileAxis, number>>>[]>(
    (made, { name }) => {
      const values = [tiles[name], ...smaller(target, name, tiles[name])];
      return made.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
    },
    [{}],
  );
  const tileOf = (one: Readonly<Partial<Record<TileAxis, number>>>, name: TileAxis): number =>
    one[name] ?? tiles[name];
  const cost = (one: Readonly<Partial<Record<TileAxis, number>>>): number =>
    axes.reduce(
      (sum, { name, cost: each }) => sum + each * distance(tiles[name], tileOf(one, name)),
      0,
    );
  const ordered = [...combinations].sort((a, b) => cost(a) - cost(b));
  for (const combination of ordered) {
    const changes = Object.fromEntries(
      axes
        .filter(({ name }) => tileOf(combination, name) !== tiles[name])
        .map(({ name }) => [name, tileOf(combination, name)]),
    );
    const found = attempt({ ...changes, slots: 2 });
    if (found === undefined) continue;
    return [(tiles.slots ?? 2) === 2 ? { ...found, changes } : found];
  }
  return [];
}
