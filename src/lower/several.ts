/** A spec of several schedules: each member's own spec, and which of them runs a bucket. */
import type { KernelPlan, Plan, ScheduleChoice, ScheduleTime } from "../plan/plan.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { auto } from "../spec/choice.ts";
import { defined } from "../spec/defined.ts";
import { memberNames, memberParts } from "../spec/member.ts";
import type { BucketSpec, PredictedTimes } from "../spec/schedule.ts";
import { AUTO, EPMOE, memberTiles, type SeveralBucket, type SeveralSpec } from "../spec/several.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { lowerSpec, type Schedules } from "./lower.ts";
import type { ResolvedTiles } from "./tiles.ts";

/**
 * Names of those that may take part: as the spec has them, or every schedule, and every other member that a
 * bucket names.
 */
export function namesOf(several: SeveralSpec, schedules: Schedules): readonly string[] {
  if (several.among !== undefined) return several.among;
  const named = memberNames(schedules).filter((name) => isAsked(several, name));
  return [...new Set([...Object.keys(schedules), ...named])];
}

/** Whether the spec itself asks for a member: then what stands in its way is an error. */
export function isAsked({ among, tiles }: SeveralSpec, name: string): boolean {
  const named = (bucket: SeveralBucket): boolean =>
    bucket.use === name || memberTiles(bucket, name) !== undefined;
  return among?.includes(name) === true || Object.values(tiles).some(named);
}

/** The spec of one member alone, with every bucket; tiles that are not written are `auto`. */
export function memberSpec(
  spec: MoeSpec,
  several: SeveralSpec,
  name: string,
  schedule: Schedule,
): MoeSpec {
  const { kind } = schedule;
  const { rows } = memberParts(name);
  const axes = Object.fromEntries(schedule.axes.map(({ name }) => [name, auto]));
  const tiles = Object.fromEntries(
    Object.entries(several.tiles).map(([of, bucket]): [string, BucketSpec] => {
      const { upTo, compilerOptions } = bucket;
      const own = { upTo, ...axes, ...memberTiles(bucket, name), ...defined({ compilerOptions }) };
      return [of, rows === "vmem" ? own : { ...own, rows }];
    }),
  );
  return { ...spec, schedule: { kind, tiles } };
}

/** What is predicted of some schedules in a bucket on a device, fastest first. */
export function writtenTimes(
  { predicted }: SeveralBucket,
  device: string,
  kinds: readonly string[],
): readonly ScheduleTime[] {
  const times = predicted?.[device] ?? {};
  return kinds
    .flatMap((schedule) => {
      const us = times[schedule];
      return us === undefined ? [] : [{ schedule, us }];
    })
    .sort((a, b) => a.us - b.us);
}

/**
 * Which of the schedules that can run a bucket on a device does; undefined: nothing says which is
 * faster. `kinds` are those that can, in the order in which the spec has them.
 */
export function choose(
  bucket: SeveralBucket,
  device: string,
  kinds: readonly string[],
): { readonly schedule: string; readonly choice: ScheduleChoice } | undefined {
  const times = writtenTimes(bucket, device, kinds);
  if (bucket.use !== undefined && kinds.includes(bucket.use)) {
    return { schedule: bucket.use, choice: { by: "spec", times } };
  }
  const [only, ...others] = kinds;
  if (only !== undefined && others.length === 0) {
    return { schedule: only, choice: { by: "alone", times } };
  }
  const [fastest] = times;
  if (fastest === undefined) return undefined;
  return { schedule: fastest.schedule, choice: { by: "prediction", times } };
}

/** One bucket on one device, with the schedule that runs it. */
export interface Chosen {
  readonly bucket: string;
  readonly device: string;
  readonly schedule: string;
  readonly choice: ScheduleChoice;
  readonly tiles: ResolvedTiles;
}

/** This kernel's time and EPMoE's, where both are predicted. */
function predictedOf(
  bucket: SeveralBucket | undefined,
  { device, schedule }: Chosen,
): PredictedTimes | undefined {
  const times = bucket?.predicted?.[device];
  const fused = times?.[schedule];
  const epmoe = times?.[EPMOE];
  return fused === undefined || epmoe === undefined ? undefined : { fused, epmoe };
}

/**
 * The plan: every bucket on every device, bucket-major, each kernel of its own schedule. Where one
 * schedule runs them all it is that one's plan.
 */
export function lowerSeveral(spec: MoeSpec, several: SeveralSpec, chosen: readonly Chosen[]): Plan {
  const names = new Set(chosen.map(({ schedule }) => schedule));
  const [only = AUTO] = names;
  const single = names.size === 1;
  const kind = single ? memberParts(only).kind : AUTO;
  const plain: MoeSpec = { ...spec, schedule: { kind, tiles: {} } };
  const kernels = chosen.map((one): KernelPlan => {
    const { kernel } = one.tiles;
    const bucket = several.tiles[one.bucket];
    const predicted = predictedOf(bucket, one);
    const { compilerOptions } = bucket ?? {};
    const of = single ? {} : { schedule: one.schedule, choice: one.choice };
    return { ...kernel, ...of, ...defined({ compilerOptions, predicted }) };
  });
  return { ...lowerSpec(plain, []), kernels };
}
