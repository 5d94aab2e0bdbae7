/**
 * From the tiles of a spec to numbers, for one bucket on one device.
 *
 * A number is taken as it is, a choice set gives its first member, and `auto` gives the largest
 * legal tile that fits. Where several axes are `auto` they are chosen together: the largest `bd`
 * for which anything fits, then the largest `bf`, then the largest `bt`. Why this order:
 * 1. `bd` first: with bd = D gate and up are one contraction, without partial sums to keep.
 * 2. `bf` next: fewer and longer weight copies, fewer trips of the loop that streams weights.
 * 3. `bt` last: rows beyond those of an expert are padding, so `bt` stops at the first legal
 *    value that holds every token of the bucket.
 */
import { isAuto, members } from "../dsl/choice.ts";
import type { BucketSpec, MoeSpec } from "../dsl/spec.ts";
import type { Schedule, TileAxis, TileRequest } from "../schedule/schedule.ts";
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
}

export const DEFAULT_SLOTS = 2;

export function fits(kernel: KernelPlan): boolean {
  return kernel.vmem.used <= kernel.vmem.available && kernel.smem.used <= kernel.smem.available;
}

export function lowerAt(target: Target, tiles: TileRequest, tokens = tiles.upTo): KernelPlan {
  return target.schedule.lower({ spec: target.spec, device: target.device, tiles, tokens });
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

export function resolveTiles(target: Target, name: string, bucket: BucketSpec): Resolution {
  const axes = AUTO_ORDER.filter((axis) => isAuto(bucket[axis]));
  const [bds, bfs, bts] = AUTO_ORDER.map((axis) => candidates(target, bucket, axis));
  let smallest: KernelPlan | undefined;
  for (const bd of bds ?? []) {
    for (const bf of bfs ?? []) {
      const rows = bts ?? [];
      const least = rows.at(-1);
      if (least === undefined) break;
      // VMEM grows with bt: if the least does not fit, none does.
      smallest = lowerAt(target, requestOf(name, bucket, { bt: least, bf, bd }));
      if (axes.length > 0 && !fits(smallest)) continue;
      for (const bt of rows) {
        const request = requestOf(name, bucket, { bt, bf, bd });
        const kernel = bt === least ? smallest : lowerAt(target, request);
        if (axes.length > 0 && !fits(kernel)) continue;
        return { ok: true, tiles: { request, kernel, chosen: chosenBy(bucket) } };
      }
    }
  }
  return { ok: false, axes, smallest };
}

function chosenBy(bucket: BucketSpec): Readonly<Record<TileAxis, Chosen>> {
  const of = (axis: TileAxis): Chosen => {
    const choice = bucket[axis];
    if (typeof choice === "number") return "written";
    return isAuto(choice) ? "auto" : "first of choices";
  };
  return { bt: of("bt"), bf: of("bf"), bd: of("bd") };
}
