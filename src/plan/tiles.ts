/**
 * From the tiles of a spec to numbers, for one bucket on one device.
 *
 * A number is taken as it is, a choice set gives its first member, and `auto` gives the largest
 * legal tile that fits VMEM and costs no traffic: rows compete with tiles for VMEM, and a call
 * that must take more passes reads its weights again, which no tile makes up for. So a tile is
 * taken only if the kernel takes no more passes than with the smallest legal tiles, and reads at
 * most 5 % more from HBM.
 *
 * Where several axes are `auto` they are chosen together: the largest `bd` for which anything
 * does, then the largest `bf`, then the largest `bt`. Why this order:
 * 1. `bd` first: with bd = D gate and up are one contraction, without partial sums to keep.
 * 2. `bf` next: fewer and longer weight copies, fewer trips of the loop that streams weights.
 * 3. `bt` last: rows beyond those of an expert are padding, so `bt` stops at the first legal
 *    value that holds every token of the bucket.
 */

import type { Schedule, TileAxis, TileRequest } from "../schedule/schedule.ts";
import { isAuto, members } from "../spec/choice.ts";
import type { BucketSpec } from "../spec/schedule.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Device } from "../target/device/device.ts";
import type { KernelPlan } from "./plan.ts";

/** The order in which `auto` is decided. */
export const AUTO_ORDER = ["bd", "bf", "bt"] as const satisfies readonly TileAxis[];

/** How an axis got its number: for `explain`. */
export type Chosen = "written" | "first of choices" | "auto";

export interface ResolvedTiles {
  readonly request: TileRequest;
  readonly chosen: Readonly<Record<TileAxis, Chosen>>;
  /** The bucket lowered at T = upTo. It may not fit where no axis is `auto`. */
  readonly kernel: KernelPlan;
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

export const DEFAULT_SLOTS = 2;

export function fits(kernel: KernelPlan): boolean {
  return kernel.vmem.used <= kernel.vmem.available && kernel.smem.used <= kernel.smem.available;
}

/** One bucket at T = upTo. */
export function lowerBucket(target: Target, tiles: TileRequest): KernelPlan {
  const { spec, schedule, device, streamed = false } = target;
  const tokens = tiles.upTo;
  return schedule.lower({
    layer: spec.layer,
    ep: spec.mesh.ep,
    devices: spec.devices,
    device,
    tiles,
    tokens,
    ...(streamed ? { streamed } : {}),
  });
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
  if (!isAuto(choice)) return members(choice).slice(0, 1);
  const { legal } = target.schedule.axisRule(target.spec.layer, axis);
  const useful =
    axis === "bt" ? legal.filter((_, index) => (legal[index - 1] ?? 0) < bucket.upTo) : legal;
  return [...useful].reverse();
}

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
    ...(btc === undefined ? {} : { btc }),
    slots: bucket.slots ?? DEFAULT_SLOTS,
  };
}

/** How much more than the least a kernel with larger tiles may read from HBM. */
const MOST_EXTRA_TRAFFIC = 1.05;

export function resolveTiles(target: Target, name: string, bucket: BucketSpec): Resolution {
  const axes = AUTO_ORDER.filter((axis) => isAuto(bucket[axis]));
  const [bds = [], bfs = [], bts = []] = AUTO_ORDER.map((axis) => candidates(target, bucket, axis));
  const make = (bd: number, bf: number, bt: number): ResolvedTiles => {
    const request = requestOf(name, bucket, { bt, bf, bd });
    return { request, kernel: lowerBucket(target, request), chosen: chosenBy(bucket) };
  };
  const [bd, bf, bt] = [bds.at(-1), bfs.at(-1), bts.at(-1)];
  if (bd === undefined || bf === undefined || bt === undefined) {
    return { ok: false, axes, smallest: undefined };
  }
  const least = make(bd, bf, bt);
  if (axes.length === 0) return { ok: true, tiles: least };
  const { kernel } = least;
  if (!fits(kernel)) return { ok: false, axes, smallest: kernel };
  const does = (larger: KernelPlan): boolean =>
    fits(larger) &&
    larger.passes <= kernel.passes &&
    larger.traffic.hbm <= kernel.traffic.hbm * MOST_EXTRA_TRAFFIC;
  for (const largerBd of bds) {
    // VMEM grows with every tile: where the least of an axis does not do, none of it does.
    if (!does(make(largerBd, bf, bt).kernel)) continue;
    for (const largerBf of bfs) {
      if (!does(make(largerBd, largerBf, bt).kernel)) continue;
      for (const largerBt of bts) {
        const tiles = make(largerBd, largerBf, largerBt);
        if (does(tiles.kernel)) return { ok: true, tiles };
      }
    }
  }
  return { ok: true, tiles: least };
}

function chosenBy(bucket: BucketSpec): Readonly<Record<TileAxis, Chosen>> {
  const of = (axis: TileAxis): Chosen => {
    const choice = bucket[axis];
    if (typeof choice === "number") return "written";
    return isAuto(choice) ? "auto" : "first of choices";
  };
  return { bt: of("bt"), bf: of("bf"), bd: of("bd") };
}
