/**
 * A small spec with the structure of a large one: the same stages and weight layout, experts on
 * every device, two trips of every loop that has several, every kind of row body. For the
 * interpreter, which takes a second where a TPU takes microseconds.
 */

import { isStreamed } from "../plan/call.ts";
import { greatestCommonDivisor } from "../plan/divisors.ts";
import { isSeveral, memberOf } from "../plan/members.ts";
import type { Plan, TileChoice } from "../plan/plan.ts";
import type { Schedule, TileAxis } from "../schedule/schedule.ts";
import { defined } from "../spec/defined.ts";
import {
  deviceLayer,
  heldExperts,
  idsOf,
  leastLocalExperts,
  sharedLayer,
  tokenRows,
  wholeBlocks,
} from "../spec/formats.ts";
import type { LayerSpec, RoutingSpec, SharedExperts } from "../spec/layer.ts";
import { memberParts } from "../spec/member.ts";
import { devicesOf } from "../spec/mesh.ts";
import type { Wire } from "../spec/quantization.ts";
import type { BucketSpec } from "../spec/schedule.ts";
import { AUTO, asSchedule } from "../spec/several.ts";
import type { MoeSpec } from "../spec/spec.ts";
import {
  bodiesOf,
  bucketsOf,
  type Made,
  named,
  shortPassesOf,
  type TokenCounts,
  transportOf,
} from "./scale-buckets.ts";

/** Three: the third expert reuses the first one's weight slot, of two. */
const LOCAL_EXPERTS = 3;
/** Weight tiles in VMEM at once; fewer than a device reads, so that slots are used again. */
const MOST_SLOTS = 4;
const TOP_K = 4;
const HIDDEN = 512;
const INTERMEDIATE = 256;
/** D where rows of 8 bits and of bfloat16 share a buffer: of so many columns they differ in size. */
const MIXED_HIDDEN = 1024;
/** Columns of a TPU tile: sizes that do not fill tiles stay so. */
const LANES = 128;
/** Rows of a bfloat16 tile. */
const ROWS = 16;
const SHARED_EXPERTS = 2;

export interface Scaled extends TokenCounts {
  readonly spec: MoeSpec;
}

/** Trips of a loop, cut to a few. */
const trips = (size: number, tile: number, most: number): number =>
  Math.min(most, Math.ceil(size / tile));
/** Where a size that does not fill lanes has no legal half, a third of it may be legal. */
const MOST_TRIPS = [2, 3] as const;

/** Sizes up to `full` that fill lanes where it does; else those with its remainder come first. */
function sizesUpTo(full: number, least: number): readonly number[] {
  const from = (first: number, step: number): readonly number[] =>
    Array.from(
      { length: Math.max(0, Math.floor((full - first) / step) + 1) },
      (_, i) => first + i * step,
    );
  const rest = full % LANES;
  if (rest === 0) return from(least, LANES);
  const unaligned = from(least / 2, ROWS).filter((size) => size % LANES !== 0);
  return [...from(least / 2 + rest, LANES), ...unaligned];
}

/** An axis, and what each bucket's tile is of it. */
interface Sized {
  readonly size: number;
  readonly tileOf: (tiles: TileChoice) => number;
}

/** Smallest legal size of an axis, about `least`, that splits as the tiles of `made` split it. */
function sizeOf(
  layer: LayerSpec,
  field: "hidden" | "intermediate",
  least: number,
  made: readonly Made[],
): Sized {
  const axis: TileAxis = field === "hidden" ? "bd" : "bf";
  // Where an axis is one tile, its rule says nothing of blocks of scales.
  const block = wholeBlocks(layer, 1);
  for (const most of MOST_TRIPS) {
    const cutOf = (tiles: TileChoice): number => trips(layer[field], tiles[axis], most);
    const size = sizesUpTo(layer[field], least).find((size) => {
      if (size % block !== 0) return false;
      const tried: LayerSpec = { ...layer, [field]: size };
      return made.every(({ tiles, schedule }) => {
        const sound = !schedule.layerProblems(tried).some((problem) => problem.field === field);
        return sound && schedule.axisRule(tried, axis).legal.includes(size / cutOf(tiles));
      });
    });
    if (size !== undefined && size < layer[field]) {
      return { size, tileOf: (tiles) => size / cutOf(tiles) };
    }
  }
  return { size: layer[field], tileOf: (tiles) => tiles[axis] };
}

/**
 * As many shared experts, up to two, spread as they were: a device's columns the least there are, or
 * a few tiles of them; over all devices, over groups of them, or on each one whole.
 */
function scaledShared(
  { count, intermediate, ...gate }: SharedExperts,
  unit: number,
  from: number,
  to: number,
  streamed: boolean,
): SharedExperts {
  const fewer = Math.min(count, SHARED_EXPERTS);
  const units = Math.max(1, Math.floor((count * intermediate) / unit));
  const spread = greatestCommonDivisor(units, from);
  const devices = spread === from ? to : Math.min(spread, Math.max(1, Math.floor(to / 2)));
  // Where whole experts lie in VMEM, a tile may take two. Not as many as spread over more devices.
  const several = (streamed ? [2, 3] : [3, 2]).find(
    (tiles) => greatestCommonDivisor(tiles * devices, to) === devices,
  );
  const tiles = units === spread ? 1 : (several ?? 2);
  return { ...gate, count: fewer, intermediate: (devices * tiles * unit) / fewer };
}

/** One device has no sums to send; its token rows are quantised as anywhere. */
function scaledWire(wire: Wire | undefined, ep: number): { readonly wire?: Wire } {
  if (wire === undefined) return {};
  const { combine, ...dispatch } = wire;
  return { wire: combine === undefined || ep === 1 ? dispatch : wire };
}

/** Groups of at least two experts, as many as there were if they fit; some are left out. */
function scaledRouting(routing: RoutingSpec, experts: number, topK: number): RoutingSpec {
  if (routing.where === "given" || routing.groups === undefined) return routing;
  const { groups, ...plain } = routing;
  let count = Math.min(groups.count, Math.floor(experts / 2));
  while (count > 1 && experts % count !== 0) count--;
  if (count <= 1) return plain;
  const least = Math.ceil(topK / (experts / count));
  const kept = Math.min(Math.max(least, Math.min(groups.kept, count - 1)), count);
  return { ...plain, groups: { ...groups, count, kept } };
}

/** Kinds of devices: first, as the scaled kernel is made as theirs, those whose rows go through a chip's others. */
function kindsOf({ kernels }: Plan): readonly string[] {
  const through = ({ tiles: { own } }: Plan["kernels"][number]): number => own.chip_devices ?? 0;
  const sorted = [...kernels].sort((a, b) => through(b) - through(a));
  return [...new Set(sorted.map(({ device }) => device))];
}

/** Experts that no token goes to: on the last device alone, or on it all and on others, as they were. */
function filledUp({ layer, mesh: { ep } }: Plan, local: number): number {
  const more = leastLocalExperts(layer, ep) > 0 ? local - 1 : local + 1;
  return Math.min(heldExperts(layer) - layer.experts, more);
}

/** The tiles that are made for a device, those of few tokens first. */
function madeOn(
  plan: Plan,
  device: string,
  schedule: Schedule | ((kind: string) => Schedule),
): readonly Made[] {
  return plan.kernels
    .filter((kernel) => kernel.device === device)
    .map(({ tiles, schedule: name = plan.schedule }): Made => {
      const of = typeof schedule === "function" ? schedule(memberParts(name).kind) : schedule;
      return { name, tiles, schedule: of };
    })
    .sort((a, b) => a.tiles.upTo - b.tiles.upTo);
}

/**
 * The small spec, and token counts that fill its buckets.
 *
 * @param schedule the plan's, or of several the one of each kind
 * @param ep devices that experts are spread over; absent: the plan's
 * @param tp devices that each expert's columns are cut over; absent: the plan's
 * @throws RangeError for a plan without a kernel.
 */
export function scaleSpec(
  plan: Plan,
  schedule: Schedule | ((kind: string) => Schedule),
  ep = plan.mesh.ep,
  tp = plan.mesh.tp ?? 1,
): Scaled {
  const mesh = { ...plan.mesh, ep, ...(tp === 1 ? {} : { tp }) };
  const devices = devicesOf(mesh);
  const [device, ...others] = kindsOf(plan);
  if (device === undefined) throw new RangeError("the plan has no kernel");
  const made = madeOn(plan, device, schedule);
  const all = heldExperts(plan.layer);
  const local = Math.min(Math.max(1, Math.floor(all / ep)), LOCAL_EXPERTS);
  const held = local * ep;
  const experts = held - filledUp(plan, local);
  const { sharedExperts, redundantExperts, identityExperts } = plan.layer;
  const unit = wholeBlocks(sharedLayer(plan.layer), LANES);
  // Half of the experts are copies at most: with one expert in all there is none to copy.
  const copies = Math.min(redundantExperts ?? 0, Math.floor(experts / 2));
  // As many of the ids as of the model's, one at least.
  const identity =
    identityExperts === undefined
      ? 0
      : Math.max(1, Math.round((identityExperts * experts) / plan.layer.experts));
  const distinct = experts - copies + identity;
  // Where tokens choose, some expert is left out: else no choice shows, and no expert is without rows.
  const most = plan.layer.topK < idsOf(plan.layer) ? Math.max(1, distinct - 1) : distinct;
  const topK = Math.min(plan.layer.topK, TOP_K, most);
  const routing = scaledRouting(plan.layer.routing, experts, topK);
  const part = deviceLayer(plan.layer, plan.mesh);
  const { redundantExperts: _, heldExperts: __, wire, ...plain } = part;
  const counted: LayerSpec = {
    ...plain,
    experts,
    ...(held === experts ? {} : { heldExperts: held }),
    topK,
    routing,
    ...(identity === 0 ? {} : { identityExperts: identity }),
    ...(sharedExperts === undefined
      ? {}
      : {
          sharedExperts: scaledShared(
            sharedExperts,
            unit,
            devicesOf(plan.mesh),
            devices,
            isStreamed(plan.kernels),
          ),
        }),
    ...(copies === 0 ? {} : { redundantExperts: copies }),
    ...scaledWire(wire, ep),
  };
  const narrowSums = counted.wire?.combine !== undefined;
  const least = (tokenRows(counted) !== undefined) === narrowSums ? HIDDEN : MIXED_HIDDEN;
  const hidden = sizeOf(counted, "hidden", least, made);
  const intermediate = sizeOf(counted, "intermediate", INTERMEDIATE, made);
  // Axes are those of one device; all of them have as many columns of an expert each.
  const own: LayerSpec = { ...counted, hidden: hidden.size, intermediate: intermediate.size };
  const layer: LayerSpec = { ...own, intermediate: tp * intermediate.size };

  const weightTiles = (tiles: TileChoice): number =>
    (intermediate.size / intermediate.tileOf(tiles)) * (hidden.size / hidden.tileOf(tiles));
  const tilesOf = ({ name, tiles, schedule: its }: Made): Omit<BucketSpec, "upTo"> => {
    const few = its.roundedWeights?.({ ...memberOf(plan, name), layer }).routed ?? 0;
    const btc = bodiesOf(tiles, its.axisRule(own, "bt").legal, few);
    return named(its, {
      bt: btc.at(-1) ?? tiles.bt,
      bf: intermediate.tileOf(tiles),
      bd: hidden.tileOf(tiles),
      btc,
      slots: Math.max(2, Math.min(tiles.slots, MOST_SLOTS, local * weightTiles(tiles) - 1)),
      ...transportOf(tiles, ep),
      ...defined({ rows: tiles.rows }),
      ...shortPassesOf(tiles, counted, ep),
      ...defined({ runRows: tiles.own.run_rows }),
    });
  };
  const buckets = bucketsOf(made, tilesOf, devices);
  const spec: MoeSpec = {
    name: plan.name,
    ...defined({ source: plan.source }),
    layer,
    mesh,
    // All of them: how a product is written is one answer for all.
    devices: [device, ...others],
    schedule: isSeveral(plan)
      ? asSchedule({ kind: AUTO, tiles: buckets.several })
      : { kind: plan.schedule, tiles: buckets.single },
    emit: { ...plan.emit, reference: true },
  };
  return { spec, ...buckets.counts };
}
