/** Token buckets of a scaled spec: which there are, and the tiles of each. */
import { SHORT_PASS, unservedShort } from "../kernel/api/pass-tiles.ts";
import { ANY } from "../kernel/routing/all-tokens.ts";
import type { TileChoice } from "../plan/plan.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { BucketSpec } from "../spec/schedule.ts";
import type { SeveralBucket } from "../spec/several.ts";

/** Token counts of a scaled spec's calls, all devices together. */
export interface TokenCounts {
  /** T of a usual call: fills the first bucket. */
  readonly tokens: number;
  /** Of several schedules: T of a usual call of each further one. */
  readonly scheduleTokens: readonly number[];
  /** T that falls into each further bucket. */
  readonly bucketTokens: readonly number[];
}

/** Rows that each device brings to a usual call: half of the least tile, so that there is padding. */
const DEVICE_TOKENS = 8;
/** Rows of all devices together: many devices bring fewer each. */
const MOST_TOKENS = 64;

/** Tiles that are made, and the schedule that takes them. */
export interface Made {
  /** Of several the member's, else the schedule's. */
  readonly name: string;
  readonly tiles: TileChoice;
  readonly schedule: Schedule;
}

/** T of a usual call, all devices together. */
export function usualTokens(ep: number): number {
  return Math.max(1, Math.min(DEVICE_TOKENS, Math.floor(MOST_TOKENS / ep))) * ep;
}

/** As the kernel that is made has it; an odd number of devices may fill no chips. */
export function transportOf({ own }: TileChoice, ep: number): Pick<BucketSpec, "transport"> {
  if (own.parts === undefined || ep % 2 === 1) return {};
  return { transport: own.parts > 0 ? "by dimensions" : "straight" };
}

/** Passes that are short for want of room stay so where there is room, if so many devices have such. */
export function shortPassesOf(
  { own, rows = "vmem" }: TileChoice,
  layer: LayerSpec,
  ep: number,
): Pick<BucketSpec, "passTokens"> {
  const served = unservedShort(layer, ep, rows) === undefined;
  return own.pass_tokens === SHORT_PASS && served ? { passTokens: SHORT_PASS } : {};
}

/**
 * Who routes in a bucket that is made. Where devices route all tokens up to some T, calls on both sides
 * of it are made: all of them in that bucket, each its own in a further one.
 * @param from largest T of the bucket before
 * @param to largest T that takes its tiles: of the last bucket any
 */
function routesOf(
  { own }: TileChoice,
  from: number,
  to: number,
  ep: number,
): readonly Pick<BucketSpec, "routes">[] {
  const { route_all_tokens: most } = own;
  if (most === undefined || ep === 1) return [{}];
  if (most <= from) return [{ routes: "own" }];
  return [{ routes: "all" }, ...(most < to ? [{ routes: "own" } as const] : [])];
}

/** Each bucket with who routes; the other side of T is made once, by the last bucket that has one. */
function sidesOf(made: readonly Made[], ep: number) {
  const largest = (at: number): number => made[at]?.tiles.upTo ?? 0;
  const all = made.map(({ tiles }, at) => {
    const to = at === made.length - 1 ? ANY : largest(at);
    return routesOf(tiles, largest(at - 1), to, ep);
  });
  const last = all.findLastIndex((each) => each.at(-1)?.routes === "own");
  return made.flatMap((one, at) =>
    (all[at] ?? []).slice(0, at === last ? 2 : 1).map((routes) => ({ made: one, routes })),
  );
}

/** The smallest legal row count above `rows`, or the largest of all. */
function larger(legal: readonly number[], rows: number): number {
  return legal.find((one) => one > rows) ?? legal.at(-1) ?? rows;
}

/**
 * Row counts: one body or several, the smallest that are legal; where up to `few` rows are multiplied
 * otherwise than more, one of each.
 */
export function bodiesOf(
  { bt, btc }: TileChoice,
  legal: readonly number[],
  few: number,
): readonly [number, ...number[]] {
  const [first = bt] = legal;
  if (btc.length === 1) return [bt > few ? larger(legal, few) : first];
  const next = larger(legal, Math.max(first, few));
  return next === first ? [first] : [first, next];
}

/** Of tiles those that the schedule's buckets name. */
export function named(
  { axes, options }: Schedule,
  tiles: Omit<BucketSpec, "upTo">,
): Omit<BucketSpec, "upTo"> {
  const names = new Set<string>([...axes.map(({ name }) => name), ...options]);
  return Object.fromEntries(Object.entries(tiles).filter(([name]) => names.has(name)));
}

export interface ScaledBuckets {
  readonly single: Readonly<Record<string, BucketSpec>>;
  /** The same, each naming its member. */
  readonly several: Readonly<Record<string, SeveralBucket>>;
  readonly counts: TokenCounts;
}

/** Each bucket's scaled tiles, without those that come out alike: they would only be traced twice. */
export function bucketsOf(
  made: readonly Made[],
  tilesOf: (made: Made) => Omit<BucketSpec, "upTo">,
  ep: number,
): ScaledBuckets {
  const alike = new Set<string>();
  const members = new Set<string>();
  const single: Record<string, BucketSpec> = {};
  const several: Record<string, SeveralBucket> = {};
  const bucketTokens: number[] = [];
  const scheduleTokens: number[] = [];
  const tokens = usualTokens(ep);
  let upTo = tokens;
  for (const { made: one, routes } of sidesOf(made, ep)) {
    const { name: member } = one;
    const scaled = named(one.schedule, { ...tilesOf(one), ...routes });
    const key = JSON.stringify([member, scaled]);
    if (alike.has(key)) continue;
    if (alike.size > 0) (members.has(member) ? bucketTokens : scheduleTokens).push(upTo);
    alike.add(key);
    members.add(member);
    const { bucket } = one.tiles;
    const name = single[bucket] === undefined ? bucket : `${bucket}_own`;
    single[name] = { upTo, ...scaled };
    // Where its rows lie the member's name says.
    const { rows: _, ...tiles } = scaled;
    several[name] = { upTo, use: member, [member]: tiles } as SeveralBucket;
    upTo *= 2;
  }
  return { single, several, counts: { tokens, scheduleTokens, bucketTokens } };
}
