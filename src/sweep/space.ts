/** The candidates of a sweep: choice sets of the spec, or what the command line asks for. */

import { AUTO_ORDER } from "../plan/tiles.ts";
import type { Schedule, TileAxis } from "../schedule/schedule.ts";
import { isAuto, members } from "../spec/choice.ts";
import type { BucketSpec } from "../spec/schedule.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { CandidateId } from "./record.ts";

export type TileSets = Readonly<Partial<Record<TileAxis, readonly number[]>>>;

/** One search: the tiles of one bucket on one device. */
export interface Space {
  readonly bucket: string;
  readonly spec: BucketSpec;
  readonly device: string;
  readonly axes: Readonly<Record<TileAxis, readonly number[]>>;
}

/** Values of `auto` that a sweep tries: all legal ones would be mostly of no use. */
const MOST_AUTO = 6;

function spread(values: readonly number[]): readonly number[] {
  if (values.length <= MOST_AUTO) return values;
  const step = (values.length - 1) / (MOST_AUTO - 1);
  const picked = Array.from({ length: MOST_AUTO }, (_, i) => values[Math.round(i * step)] ?? 0);
  return [...new Set(picked)];
}

/** `--tiles` before the spec; a number is a set of one, `auto` some of what is legal. */
function valuesOf(
  { layer }: MoeSpec,
  schedule: Schedule,
  bucket: BucketSpec,
  axis: TileAxis,
  asked: TileSets,
): readonly number[] {
  const wanted = asked[axis];
  if (wanted !== undefined) return [...new Set(wanted)];
  const choice = bucket[axis];
  if (!isAuto(choice)) return members(choice);
  const { legal } = schedule.axisRule(layer, axis);
  // Larger row tiles than an expert can have rows are padding.
  const enough = axis === "bt" ? legal.find((value) => value >= bucket.upTo) : undefined;
  return spread(enough === undefined ? legal : legal.filter((value) => value <= enough));
}

export interface SpaceOptions {
  readonly tiles: TileSets;
  readonly devices: readonly string[];
  /** Names; absent: all. */
  readonly buckets?: readonly string[];
}

export function spacesOf(
  spec: MoeSpec,
  schedule: Schedule,
  { tiles, devices, buckets }: SpaceOptions,
): readonly Space[] {
  return Object.entries(spec.schedule.tiles)
    .filter(([name]) => buckets === undefined || buckets.includes(name))
    .flatMap(([name, bucket]) => {
      const [bd = [], bf = [], bt = []] = AUTO_ORDER.map((axis) =>
        valuesOf(spec, schedule, bucket, axis, tiles),
      );
      return devices.map((device) => ({
        bucket: name,
        spec: bucket,
        device,
        axes: { bt, bf, bd },
      }));
    });
}

export function sizeOf({ axes }: Space): number {
  return axes.bt.length * axes.bf.length * axes.bd.length;
}

export function candidatesOf({ bucket, spec, device, axes }: Space): readonly CandidateId[] {
  return axes.bd.flatMap((bd) =>
    axes.bf.flatMap((bf) =>
      axes.bt.map((bt) => ({ bucket, device, tokens: spec.upTo, tiles: { bt, bf, bd } })),
    ),
  );
}
