/** Times of a spec's buckets: as they are predicted now, and as they stand written in it. */
import type { Member } from "../../check/index.ts";
import type { KernelPlan, Plan } from "../../plan/plan.ts";
import type { PredictedCall } from "../../predict/write.ts";
import type { Predicted, Verdict } from "../report/prediction.ts";
import { BASELINE } from "./contenders.ts";

/** What was predicted of one call. */
export interface PredictedCalls {
  readonly device: string;
  readonly tokens: number;
  readonly predicted: readonly Predicted[];
  readonly verdict: Verdict | null;
}

/** A time that stands in the spec and is no longer what is predicted. */
export interface StaleTime {
  readonly bucket: string;
  readonly device: string;
  /** A schedule, "fused", or EPMoE. */
  readonly name: string;
  /** Microseconds. */
  readonly written: number;
  readonly now: number;
}

/** Of the larger: a time that is further off was predicted of other tiles, or by another compiler. */
const TOLERANCE = 0.02;

/**
 * Of every bucket on every device, from calls of the largest counts: the kernel's time and EPMoE's; of
 * several schedules the time of each that has tiles there.
 */
export function callTimes(
  plan: Plan,
  members: readonly Member[],
  calls: readonly PredictedCalls[],
): readonly PredictedCall[] {
  return plan.kernels.flatMap(({ bucket, device, tiles }) => {
    const call = calls.find((one) => one.device === device && one.tokens === tiles.upTo);
    const can = members.filter((member) =>
      member.plan.kernels.some((one) => one.bucket === bucket && one.device === device),
    );
    const wanted = members.length === 0 ? [plan.name] : can.map((one) => one.name);
    const times = [...wanted, BASELINE].map((name) => {
      const found = call?.predicted.find((one) => one.name === name);
      const field = members.length === 0 && name !== BASELINE ? "fused" : name;
      return [field, found && found.prediction.seconds * 1e6] as const;
    });
    return times.some(([, time]) => time === undefined)
      ? []
      : [{ bucket, device, times: Object.fromEntries(times) as Readonly<Record<string, number>> }];
  });
}

/** What the spec says of a kernel's bucket, by the names that `callTimes` gives. */
function writtenOf({ choice, predicted }: KernelPlan): Readonly<Record<string, number>> {
  if (choice === undefined) return { ...predicted };
  const times = choice.times.map(({ schedule, us }) => [schedule, us] as const);
  const epmoe = predicted === undefined ? [] : [[BASELINE, predicted.epmoe] as const];
  return Object.fromEntries([...times, ...epmoe]);
}

/** Times that stand written and differ from those of the calls; `calls` may have none of a bucket. */
export function staleTimes(
  plan: Plan,
  members: readonly Member[],
  calls: readonly PredictedCalls[],
): readonly StaleTime[] {
  return callTimes(plan, members, calls).flatMap(({ bucket, device, times }) => {
    const kernel = plan.kernels.find((one) => one.bucket === bucket && one.device === device);
    if (kernel === undefined) return [];
    return Object.entries(writtenOf(kernel)).flatMap(([name, written]): readonly StaleTime[] => {
      const now = times[name];
      if (now === undefined) return [];
      const off = Math.abs(now - written) > TOLERANCE * Math.max(now, written);
      return off ? [{ bucket, device, name, written, now }] : [];
    });
  });
}

/** What a reader does about it. */
export function staleLine({ bucket, device, name, written, now }: StaleTime, spec: string): string {
  const times = `${name} ${round(written)} us written, ${round(now)} us now`;
  return `the times of ${bucket} on ${device} are not these (${times}): moegen predict ${spec} --write`;
}

const round = (us: number): number => Number(us.toPrecision(4));
