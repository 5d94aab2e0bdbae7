/**
 * A row of the matrix at the sizes of real models, for the compiler: what its own sizes stand for,
 * a size that fills lanes, one that does so by half a word and one that does not.
 */

import type { Schedules } from "../../lower/lower.ts";
import { defined } from "../../spec/defined.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { BucketSpec } from "../../spec/schedule.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Row } from "./fields.ts";
import { callOf } from "./spec.ts";

const HIDDEN: Readonly<Record<Row["hidden"], number>> = { 256: 2048, 384: 1920, 320: 2880 };
/** Qwen3-30B-A3B, Qwen1.5-MoE, Qwen3-235B-A22B and Qwen2-57B-A14B. */
const FILLS_LANES = [768, 1408, 1536, 2560] as const;
/** GPT-OSS does not fill lanes; the half of it where a whole expert's weights must fit VMEM. */
const RAGGED = { whole: 1440, streamed: 2880 } as const;
/** Widest tile of an axis where weights are streamed. */
const STREAMED = { bf: 512, bd: 2048 } as const;

/** Token counts that the row is compiled for: decode and prefill. */
const TOKENS: Readonly<Record<Row["tokens"], readonly [number, number]>> = {
  one: [1, 2048],
  odd: [61, 2041],
  passes: [64, 8192],
};

export interface FullSize {
  readonly spec: MoeSpec;
  /** T, all devices together. */
  readonly tokens: readonly [number, number];
}

function expertsOf({ experts, ep }: Row): number {
  if (experts === "few") return Math.max(8, ep);
  if (experts === "many") return 128;
  return ep > 4 ? 160 : 60;
}

function intermediateOf(row: Row, index: number): number {
  if (row.intermediate === 256) return FILLS_LANES[index % FILLS_LANES.length] ?? FILLS_LANES[0];
  // Columns that do not fill lanes are never cut: gate and up lie in VMEM whole.
  const large = row.tiles === "streamed" && row.dtype === "bfloat16";
  return large ? RAGGED.streamed : RAGGED.whole;
}

function layerOf(row: Row, index: number, small: LayerSpec): LayerSpec {
  const experts = expertsOf(row);
  const { sharedExperts, redundantExperts, deterministic } = small;
  const { heldExperts: _, ...plain } = small;
  const sharedColumns = deterministic === true ? Math.max(512, 64 * row.ep) : 512;
  return {
    ...plain,
    experts,
    hidden: HIDDEN[row.hidden],
    intermediate: intermediateOf(row, index),
    ...(sharedExperts === undefined
      ? {}
      : { sharedExperts: { ...sharedExperts, intermediate: sharedColumns } }),
    ...(redundantExperts === undefined ? {} : { redundantExperts: experts / 4 }),
  };
}

/**
 * The row at full size: `index` tells rows apart that only their sizes do.
 *
 * @throws RangeError where its schedule is none of these.
 */
export function fullSizeOf(row: Row, index: number, schedules: Schedules): FullSize {
  const { spec } = callOf(row, index, schedules);
  const schedule = schedules[spec.schedule.kind];
  if (schedule === undefined) throw new RangeError(`no schedule ${spec.schedule.kind}`);
  const layer = layerOf(row, index, spec.layer);
  const [decode, prefill] = TOKENS[row.tokens];
  const cut = (axis: "bf" | "bd", size: number): Partial<BucketSpec> => {
    if (!schedule.axes.some(({ name }) => name === axis)) return {};
    if (row.tiles === "resident") return { [axis]: size };
    const { legal } = schedule.axisRule(layer, axis);
    return { [axis]: legal.filter((n) => n <= STREAMED[axis]).at(-1) ?? size };
  };
  const tiles = { ...cut("bf", layer.intermediate), ...cut("bd", layer.hidden) };
  const [least = 16] = schedule.axisRule(layer, "bt").legal;
  const exact = layer.deterministic === true;
  const bucket = (upTo: number, btc: BucketSpec["btc"], bt: number): BucketSpec => ({
    upTo,
    bt,
    ...defined({ btc }),
    ...tiles,
  });
  return {
    spec: {
      ...spec,
      layer,
      schedule: {
        ...spec.schedule,
        tiles: {
          decode: exact ? bucket(64, [64], 64) : bucket(64, [least, 64], 64),
          prefill: exact ? bucket(prefill, [64], 64) : bucket(prefill, [least, 64, 128], 128),
        },
      },
    },
    tokens: [decode, prefill],
  };
}
