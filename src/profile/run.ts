/** Compiles the kernels of a plan and profiles each: what `moegen profile` and the sweep ask for. */

import { lowerFor } from "../lower/lower.ts";
import { allOf } from "../plan/call.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import { compileSpec } from "../runner/index.ts";
import type { CompileEvent, CompileOptions, CompileTargetResult } from "../runner/types.ts";
import { schedules } from "../schedule/registry.ts";
import { deviceOf, devices } from "../target/device/registry.ts";
import { type Estimate, type Estimator, estimate } from "./estimate.ts";
import { type KernelProfile, profileKernel } from "./profile.ts";

export interface ProfiledTarget {
  readonly target: CompileTargetResult;
  readonly kernel: KernelPlan;
  /** Null where the kernel does not compile, or the compiler dumped no schedule. */
  readonly profile: KernelProfile | null;
  readonly estimate: Estimate | null;
}

export interface ProfileResult {
  readonly ok: boolean;
  readonly name: string;
  readonly targets: readonly ProfiledTarget[];
  readonly seconds: number;
}

/** A compiled kernel's cycles by stage, and the time that follows. */
export function profileTarget(
  plan: Plan,
  target: CompileTargetResult,
  estimator: Estimator = estimate,
): ProfiledTarget {
  const { device: name, tokens, bundles } = target;
  const kernel = lowerFor(plan, { device: name, tokens }, { schedules, devices });
  const schedule = bundles?.profile;
  if (!bundles || schedule === undefined) return { target, kernel, profile: null, estimate: null };
  const profile = profileKernel(schedule, allOf(kernel).stages, deviceOf(name));
  const call = { plan, device: name, tokens, bundles, profile };
  return { target, kernel, profile, estimate: estimator(call) };
}

/** Compiles and profiles; not ok where one kernel has no profile. */
export async function profileSpec(
  plan: Plan,
  options: CompileOptions = {},
  onEvent: (event: CompileEvent) => void = () => {},
): Promise<ProfileResult> {
  const compiled = await compileSpec(plan, { ...options, profile: true }, onEvent);
  const targets = compiled.targets.map((target) => profileTarget(plan, target));
  return {
    ok: targets.every(({ profile }) => profile !== null),
    name: compiled.name,
    targets,
    seconds: compiled.seconds,
  };
}
