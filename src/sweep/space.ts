/** The candidates of a sweep: choice sets of the spec, or what the command line asks for. */

import type { Schedule, TileAxis } from "../schedule/schedule.ts";
import { isAuto, members } from "../spec/choice.ts";
import { deviceLayer } from "../spec/formats.ts";
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

/** `values`, and of `legal` the next smaller and the next larger of each. */
function withNext(values: readonly number[], legal: readonly number[]): readonly number[] {
  const sorted = [...legal].sort((a, b) => a - b);
  const next = values.flatMap((value) => [
    sorted.filter((other) => other < value).at(-1) ?? value,
    value,
    sorted.find((other) => other > value) ?? value,
  ]);
  return [...new Set(next)].sort((a, b) => a - b);
}

/** `--tiles` before the spec; a number is a set of one, `auto` some of what is legal. */
function valuesOf(
  { layer, mesh }: MoeSpec,
  schedule: Schedule,
  bucket: BucketSpec,
  axis: TileAxis,
  { tiles: asked, neighbours = false }: SpaceOptions,
): readonly number[] {
  const wanted = asked[axis];
  if (wanted !== undefined) return [...new Set(wanted)];
  const choice = bucket[axis];
  const { legal } = schedule.axisRule(deviceLayer(layer, mesh), axis);
  if (choice === undefined) return legal.slice(-1);
  // Larger row tiles than an expert can have rows are padding.
  const enough = axis === "bt" ? legal.find((value) => value >= bucket.upTo) : undefined;
  const useful = enough === undefined ? legal : legal.filter((value) => value <= enough);
  if (isAuto(choice)) return spread(useful);
  return neighbours ? withNext(members(choice), useful) : members(choice);
}

export interface SpaceOptions {
  readonly tiles: TileSets;
  /** Besides the spec's tiles, the legal ones next to them. */
  readonly neighbours?: boolean;
  readonly devices: readonly string[];
  /** Names; absent: all. */
  readonly buckets?: readonly string[];
}

/**
 * A space for each bucket and device that is asked for. Values that are asked for are not judged
 * here.
 */
export function spacesOf(
  spec: MoeSpec,
  schedule: Schedule,
  options: SpaceOptions,
): readonly Space[] {
  const { devices, buckets } = options;
  return Object.entries(spec.schedule.tiles)
    .filter(([name]) => buckets === undefined || buckets.includes(name))
    .flatMap(([name, bucket]) => {
      const of = (axis: TileAxis) => valuesOf(spec, schedule, bucket, axis, options);
      const axes = { bt: of("bt"), bf: of("bf"), bd: of("bd") };
      return devices.map((device) => ({
        bucket: name,
        spec: bucket,
        device,
        axes,
      }));
    });
}

/** Every bucket has one set of tiles, and nobody asked for others. */
export function nothingToChoose(spec: MoeSpec, schedule: Schedule, options: SpaceOptions): boolean {
  if (Object.keys(options.tiles).length > 0 || options.neighbours) return false;
  return spacesOf(spec, schedule, options).every((space) => sizeOf(space) === 1);
}

/** Candidates of a space. */
export function sizeOf({ axes }: Space): number {
  return axes.bt.length * axes.bf.length * axes.bd.length;
}

/** All candidates of a space; the row tile changes fastest. */
export function candidatesOf({ bucket, spec, device, axes }: Space): readonly CandidateId[] {
  return axes.bd.flatMap((bd) =>
    axes.bf.flatMap((bf) =>
      axes.bt.map((bt) => ({ bucket, device, tokens: spec.upTo, tiles: { bt, bf, bd } })),
    ),
  );
}
