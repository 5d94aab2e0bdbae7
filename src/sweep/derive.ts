/**
 * What a candidate takes by bundles that were counted for its neighbours. Row bodies cost what they
 * cost beside other bodies, and a stage's bundles grow evenly with the columns of its weight tile. It
 * ranks candidates; what it ranks first is compiled.
 */

import { allOf } from "../plan/call.ts";
import type { KernelPlan } from "../plan/plan.ts";
import type { Estimator } from "../profile/estimate.ts";
import { profileTarget } from "../profile/run.ts";
import type { Bundles, CompileTargetResult } from "../runner/types.ts";
import type { Prepared } from "./prepare.ts";

export interface Derived {
  /** Of one call, as a compiled candidate's. */
  readonly seconds: number;
  readonly cycles: number;
}

/**
 * A candidate's time by the bundles of another kernel that has all its row bodies; undefined where that
 * one has no schedule.
 */
export function derive(
  { plan, kernel }: Prepared,
  counted: CompileTargetResult,
  from: KernelPlan,
  estimator: Estimator,
): Derived | undefined {
  const bundles = counted.bundles && without(counted.bundles, foreign(from, kernel));
  const { profile, estimate } = profileTarget(plan, { ...counted, bundles }, estimator);
  if (profile === null || estimate === null) return undefined;
  return { seconds: estimate.seconds, cycles: profile.total.cycles };
}

/** Stages of one kernel that another has not: of row bodies. */
function foreign(from: KernelPlan, kernel: KernelPlan): ReadonlySet<string> {
  const own = new Set(allOf(kernel).stages.map(({ name }) => name));
  return new Set(allOf(from).stages.flatMap(({ name }) => (own.has(name) ? [] : [name])));
}

/** What is in none of these stages: a profile counts what it does not know as the kernel's own. */
function without(bundles: Bundles, stages: ReadonlySet<string>): Bundles {
  const { profile } = bundles;
  if (profile === undefined) return bundles;
  const regions = profile.regions.filter(
    ({ scope }) => !scope.split("/").some((name) => stages.has(name)),
  );
  return { ...bundles, profile: { ...profile, regions } };
}

/**
 * A value between two of one form, each number as far from `a` to `b` as `share` says; a number that
 * one of two records lacks is 0 there. Undefined where the forms or the words differ.
 */
export function between<T>(a: T, b: T, share: number): T | undefined {
  const found = mixed(a, b, share);
  return found === DIFFERENT ? undefined : (found as T);
}

const DIFFERENT = Symbol("different");

function mixed(a: unknown, b: unknown, share: number): unknown {
  if (typeof a === "number" && typeof b === "number") return a + (b - a) * share;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return DIFFERENT;
    const list = a.map((item, at) => mixed(item, b[at], share));
    return list.includes(DIFFERENT) ? DIFFERENT : list;
  }
  if (isRecord(a) && isRecord(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    const parts = [...names].map((name) => {
      const [left, right] = [a[name], b[name]];
      return [
        name,
        mixed(
          left ?? (typeof right === "number" ? 0 : left),
          right ?? (typeof left === "number" ? 0 : right),
          share,
        ),
      ] as const;
    });
    return parts.some(([, part]) => part === DIFFERENT) ? DIFFERENT : Object.fromEntries(parts);
  }
  return a === b ? a : DIFFERENT;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
