/**
 * From the tiles of a spec to numbers, for one bucket on one device.
 *
 * A number is taken as it is, a choice set gives its first member, and `auto` gives the largest
 * legal tile that fits VMEM and costs no traffic: rows compete with tiles for VMEM, and a call
 * that must take more passes reads its weights again, which no tile makes up for. So a tile is
 * taken only if the kernel takes no more passes than with the smallest legal tiles, and reads at
 * most 5 % more from HBM.
 *
 * Where several axes are `auto` they are chosen together, in the schedule's order: the largest tile
 * of the first axis for which anything does, then the largest of the next. Rows beyond those of an
 * expert are padding: `bt` stops at the first legal value that holds every token of the bucket. It does
 * not begin below the rows that most experts have, where anything does: a tile of fewer takes an
 * expert's weights through the matrix units again (MiniMax-M2, T 2048 on v7x: 16 rows beside the widest
 * weight tile are predicted 779 us, 128 beside a narrower one 704).
 *
 * Where a schedule predicts seconds, these decide in place of passes and traffic: tiles of weights are the
 * largest of those that take hardly more than the fastest, beside the most rows or a part of them: slots for
 * more of them on their way are worth more than wide ones (GPT-OSS-120B, T 2048 on v7x: 208 rows beside two
 * slots are predicted 339 us, 160 beside three 281).
 */

import type { KernelPlan } from "../plan/plan.ts";
import type { LowerInput, Schedule, TileAxis, TileRequest } from "../schedule/schedule.ts";
import { isAuto, members } from "../spec/choice.ts";
import { defined } from "../spec/defined.ts";
import { deviceLayer, idsOf } from "../spec/formats.ts";
import type { LayerSpec } from "../spec/layer.ts";
import { rowsOf } from "../spec/rows.ts";
import { type BucketOption, type BucketSpec, bucketOptions } from "../spec/schedule.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Device } from "../target/device/device.ts";
import { rowTiles } from "./row-tiles.ts";

export const TILE_AXES = ["bt", "bf", "bd"] as const satisfies readonly TileAxis[];

/** How an axis got its number: for `explain`. */
export type Chosen = "written" | "first of choices" | "auto";

export interface ResolvedTiles {
  readonly request: TileRequest;
  readonly chosen: Readonly<Record<TileAxis, Chosen>>;
  /** The bucket lowered at T = upTo. It may not fit where no axis is `auto`. */
  readonly kernel: KernelPlan;
}

/** The same with what it was made of: seconds are asked for of that. */
interface Made extends ResolvedTiles {
  readonly input: LowerInput;
}

export interface NothingFits {
  /** The axes that were `auto`. */
  readonly axes: readonly TileAxis[];
  /** The kernel with the smallest legal tiles: what it needs is what is too much. */
  readonly smallest: KernelPlan | undefined;
}

export type Resolution =
  | { readonly ok: true; readonly tiles: ResolvedTiles }
  | ({ readonly ok: false } & NothingFits);

/** All that turns tiles into a kernel. */
export interface Target {
  readonly spec: MoeSpec;
  readonly schedule: Schedule;
  readonly device: Device;
  /** Stream weights in tiles, because another kernel of the package does. */
  readonly streamed?: boolean;
}

/** Whether a kernel has room in VMEM and SMEM. */
export function fits(kernel: KernelPlan): boolean {
  return kernel.vmem.used <= kernel.vmem.available && kernel.smem.used <= kernel.smem.available;
}

/** The layer as one device has it. */
export function layerOf({ spec: { layer, mesh } }: Target): LayerSpec {
  return deviceLayer(layer, mesh);
}

/** One bucket at T = upTo, for its schedule. */
function inputOf(target: Target, tiles: TileRequest): LowerInput {
  const { spec, device, streamed = false } = target;
  return {
    layer: spec.layer,
    ep: spec.mesh.ep,
    ...defined({ tp: spec.mesh.tp }),
    devices: spec.devices,
    device,
    tiles,
    tokens: tiles.upTo,
    ...(streamed ? { streamed } : {}),
  };
}

/** One bucket at T = upTo. */
export function lowerBucket(target: Target, tiles: TileRequest): KernelPlan {
  return target.schedule.lower(inputOf(target, tiles));
}

/** Seconds that a bucket's kernel is estimated to take, as lowered; undefined: its schedule has no estimate. */
export function estimateOf(target: Target, { request, kernel }: ResolvedTiles): number | undefined {
  const { streamed } = kernel.tiles;
  return target.schedule.seconds?.(inputOf({ ...target, streamed }, request));
}

/** `btc` written for one `bt`, made to fit another: what is larger goes, `bt` itself is last. */
export function rowCounts(
  btc: readonly number[] | undefined,
  bt: number,
): readonly number[] | undefined {
  return btc === undefined ? undefined : [...btc.filter((rows) => rows < bt), bt];
}

function candidates(target: Target, bucket: BucketSpec, axis: TileAxis): readonly number[] {
  const choice = bucket[axis];
  const { legal } = target.schedule.axisRule(layerOf(target), axis);
  if (choice === undefined) return legal.slice(-1);
  if (!isAuto(choice)) return members(choice).slice(0, 1);
  const useful =
    axis === "bt" ? legal.filter((_, index) => (legal[index - 1] ?? 0) < bucket.upTo) : legal;
  return [...useful].reverse();
}

/** A bucket with numbers for its choices, its row counts cut to `bt`. Throws RangeError where its rows have no place yet. */
export function requestOf(
  name: string,
  bucket: BucketSpec,
  tiles: Readonly<Record<TileAxis, number>>,
): TileRequest {
  const btc = rowCounts(bucket.btc, tiles.bt);
  return {
    bucket: name,
    upTo: bucket.upTo,
    bt: tiles.bt,
    bf: tiles.bf,
    bd: tiles.bd,
    ...defined({ btc, slots: bucket.slots, early: bucket.early }),
    ...defined({ transport: bucket.transport, routes: bucket.routes, rows: rowsOf(bucket) }),
    ...defined({ passTokens: bucket.passTokens, runRows: bucket.runRows }),
  };
}

/** Values of `bt`, largest first, that hold the rows of most experts under uniform routing. */
function holdingMost(
  { spec: { layer }, device }: Target,
  { upTo }: BucketSpec,
  values: readonly number[],
): readonly number[] {
  const rows = (2 * upTo * layer.topK) / idsOf(layer);
  const most = Math.min(device.mxu.fullRows, rows, values[0] ?? 0);
  return values.filter((value) => value >= most);
}

/** How much more than the least a kernel with larger tiles may read from HBM. */
const MOST_EXTRA_TRAFFIC = 1.05;

/** A bucket without what its schedule has no such option for: the checker refuses that, and goes on. */
function served(bucket: BucketSpec, { options }: Target["schedule"]): BucketSpec {
  const own: Partial<Record<BucketOption, unknown>> & BucketSpec = { ...bucket };
  for (const option of bucketOptions) if (!options.includes(option)) delete own[option];
  return own;
}

/** Numbers for one bucket on one device; not ok where `auto` finds nothing that fits. */
export function resolveTiles(target: Target, name: string, written: BucketSpec): Resolution {
  const bucket = served(written, target.schedule);
  const order = target.schedule.axes.map((axis) => axis.name);
  const axes = order.filter((axis) => isAuto(bucket[axis]));
  const found = TILE_AXES.map((axis) => [axis, candidates(target, bucket, axis)] as const);
  const values = Object.fromEntries(found) as Readonly<Record<TileAxis, readonly number[]>>;
  const [bt, bf, bd] = [values.bt.at(-1), values.bf.at(-1), values.bd.at(-1)];
  if (bt === undefined || bf === undefined || bd === undefined) {
    return { ok: false, axes, smallest: undefined };
  }
  const make = (tiles: Readonly<Record<TileAxis, number>>): Made => {
    const request = requestOf(name, bucket, tiles);
    const input = inputOf(target, request);
    return { request, input, kernel: target.schedule.lower(input), chosen: chosenBy(bucket) };
  };
  const smallest = { bt, bf, bd };
  const least = make(smallest);
  if (axes.length === 0) return { ok: true, tiles: least };
  if (!fits(least.kernel)) return { ok: false, axes, smallest: least.kernel };
  const { seconds } = target.schedule;
  const most = MOST_EXTRA_TRAFFIC * (seconds?.(least.input) ?? 0);
  const doing = (made: Made): boolean =>
    fits(made.kernel) &&
    (seconds === undefined ? costsNothing(made.kernel, least.kernel) : seconds(made.input) <= most);
  const among = (rows: readonly number[]): Made | undefined => {
    const from = { ...smallest, bt: rows.at(-1) ?? bt };
    return largest(from, order, { ...values, bt: rows }, make, doing);
  };
  const tiles = among(holdingMost(target, bucket, values.bt)) ?? among(values.bt) ?? least;
  if (seconds === undefined) return { ok: true, tiles };
  const timedAt = (tiles: Readonly<Record<TileAxis, number>>): readonly Timed[] => {
    const made = make(tiles);
    return fits(made.kernel) ? [{ made, seconds: seconds(made.input) }] : [];
  };
  const bySlots = tiles.kernel.tiles.own.sum_slots !== undefined;
  const more = target.schedule.rowTiles?.(least.input) ?? [];
  const timed = rowTiles(tiles.request.bt, values.bt, more).map((bt) =>
    fastest(target.device, bySlots, bt, values, timedAt),
  );
  return { ok: true, tiles: bestOf(timed.flat()) ?? tiles };
}

/** How much more than the least seconds a wider tile of F may take, and one of a less cut D. */
const MOST_EXTRA_SECONDS = { bf: 1.03, bd: 1.15 } as const;

/** As much less than with the most rows a tile of fewer must take. */
const WORTH_FEWER = 0.97;

interface Timed {
  readonly made: ResolvedTiles;
  readonly seconds: number;
}

/** Of each number of rows the best, most rows first: the fastest of those that cut D hardly more than they need. */
function bestOf(timed: readonly Timed[]): ResolvedTiles | undefined {
  const most = Math.min(...timed.map(({ seconds }) => seconds)) * MOST_EXTRA_SECONDS.bd;
  const near = timed.filter(({ seconds }) => seconds <= most);
  const widest = Math.max(...near.map(({ made }) => made.request.bd));
  let best: Timed | undefined;
  for (const one of near) {
    if (one.made.request.bd < widest) continue;
    if (best === undefined || one.seconds < WORTH_FEWER * best.seconds) best = one;
  }
  return best?.made;
}

/**
 * The widest of the weight tiles that are predicted to take hardly more than the least, if any fit. Where D
 * is cut, gate and up are added up by tile, which is not predicted: only what is a good deal faster for it is
 * cut.
 */
function fastest(
  device: Device,
  bySlots: boolean,
  bt: number,
  values: Readonly<Record<TileAxis, readonly number[]>>,
  timedAt: (tiles: Readonly<Record<TileAxis, number>>) => readonly Timed[],
): readonly Timed[] {
  // Fewer columns leave a part of each matrix unit idle (Grok-2, T 2048 on v7x: 1,778 us with 128, 1,405 with 256).
  const filling = values.bf.filter((bf) => bf >= device.mxu.size);
  const columns = filling.length > 0 ? filling : values.bf;
  const all = values.bd.map((bd) => columns.flatMap((bf) => timedAt({ bt, bf, bd })));
  const leastOf = (some: readonly Timed[]): number =>
    Math.min(...some.map(({ seconds }) => seconds));
  // Of more columns results are added up less often (Grok-2, T 8192 on v7x: 3,129 us with 256, 2,905 with 512).
  const least = 2 * device.mxu.size;
  const deep = all.map((some) => some.filter(({ made }) => bySlots && made.request.bf >= least));
  const timed = leastOf(deep.flat()) <= leastOf(all.flat()) * MOST_EXTRA_SECONDS.bf ? deep : all;
  const most = leastOf(timed.flat()) * MOST_EXTRA_SECONDS.bd;
  const wide = timed.find((some) => leastOf(some) <= most) ?? [];
  return wide.filter(({ seconds }) => seconds <= leastOf(wide) * MOST_EXTRA_SECONDS.bf).slice(0, 1);
}

/** The first axis as large as anything does, then the next; undefined: nothing but the least does. */
function largest(
  from: Readonly<Record<TileAxis, number>>,
  [axis, ...rest]: readonly TileAxis[],
  values: Readonly<Record<TileAxis, readonly number[]>>,
  make: (tiles: Readonly<Record<TileAxis, number>>) => Made,
  does: (tiles: Made) => boolean,
): Made | undefined {
  if (axis === undefined) return undefined;
  for (const value of values[axis]) {
    const tiles = { ...from, [axis]: value };
    const made = make(tiles);
    // VMEM grows with every tile: where the least of an axis does not do, none of it does.
    if (!does(made)) continue;
    const found = rest.length === 0 ? made : largest(tiles, rest, values, make, does);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a kernel takes no more passes than the least and hardly more traffic. */
function costsNothing(kernel: KernelPlan, least: KernelPlan): boolean {
  return (
    kernel.passes <= least.passes && kernel.traffic.hbm <= least.traffic.hbm * MOST_EXTRA_TRAFFIC
  );
}

function chosenBy(bucket: BucketSpec): Readonly<Record<TileAxis, Chosen>> {
  const of = (axis: TileAxis): Chosen => {
    const choice = bucket[axis];
    if (typeof choice === "number" || choice === undefined) return "written";
    return isAuto(choice) ? "auto" : "first of choices";
  };
  return { bt: of("bt"), bf: of("bf"), bd: of("bd") };
}
