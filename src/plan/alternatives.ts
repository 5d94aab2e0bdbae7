/** Legal tiles near given ones that do fit: what a message about VMEM offers. */
import type { TileAxis, TileRequest } from "../schedule/schedule.ts";
import type { KernelPlan } from "./plan.ts";
import { fits, lowerBucket, rowCounts, type Target } from "./tiles.ts";

export interface Alternative {
  /** The axes that change, with their new values. */
  readonly changes: Readonly<Partial<Record<TileAxis | "slots", number>>>;
  readonly kernel: KernelPlan;
}

/** Tried in this order: what costs least is offered first. */
const AXES = ["bf", "bt", "bd"] as const satisfies readonly TileAxis[];

/** What halving an axis costs beside the others: splitting D costs most, as for `auto`. */
const COST: Readonly<Record<TileAxis, number>> = { bf: 1, bt: 1, bd: 3 };

/** Enough to find a fit, few enough to lower them all without a noticeable wait. */
const MOST_CANDIDATES = 12;

function distance(from: number, to: number): number {
  return Math.abs(Math.log2(to / from));
}

/** Smaller values, nearest first: VMEM grows with every tile, so larger ones cannot help. */
function smaller(target: Target, axis: TileAxis, value: number): readonly number[] {
  const below = target.schedule
    .axisRule(target.spec.layer, axis)
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
  for (const axis of AXES) {
    for (const value of smaller(target, axis, tiles[axis])) {
      const found = attempt({ [axis]: value });
      if (found === undefined) continue;
      single.push(found);
      break;
    }
  }
  if (tiles.slots > 2) {
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
  const [bfs, bts, bds] = AXES.map((axis) => [tiles[axis], ...smaller(target, axis, tiles[axis])]);
  const combinations = (bfs ?? []).flatMap((bf) =>
    (bds ?? []).flatMap((bd) => (bts ?? []).map((bt) => ({ bf, bt, bd }))),
  );
  const cost = (c: { bf: number; bt: number; bd: number }): number =>
    AXES.reduce((sum, axis) => sum + COST[axis] * distance(tiles[axis], c[axis]), 0);
  combinations.sort((a, b) => cost(a) - cost(b));
  for (const combination of combinations) {
    const changes = Object.fromEntries(
      AXES.filter((axis) => combination[axis] !== tiles[axis]).map((a) => [a, combination[a]]),
    );
    const found = attempt({ ...changes, slots: 2 });
    if (found === undefined) continue;
    return [tiles.slots === 2 ? { ...found, changes } : found];
  }
  return [];
}
