/**
 * Time of one call of a profiled kernel: the one place that ranks kernels. Whoever ranks takes an
 * `Estimator`; `estimate` is the predictor's event simulation with the compiler's bundles.
 */

import type { KernelPlan, Plan } from "../plan/plan.ts";
import { ownKernel } from "../predict/contender.ts";
import { type Prediction, predict } from "../predict/predict.ts";
import type { Bundles } from "../runner/types.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import { deviceOf } from "../target/device/registry.ts";
import type { KernelProfile } from "./profile.ts";

export interface Floors {
  /** Seconds. */
  readonly hbm: number;
  readonly matrix: number;
  readonly ici: number;
}

export interface Estimate {
  /** Seconds of one call, as `predict` says them. */
  readonly seconds: number;
  /** Where four of five measurements should lie. */
  readonly low: number;
  readonly high: number;
  /** Bundles over clock. */
  readonly compute: number;
  /** What no schedule of this layer can go below. */
  readonly floor: number;
  /** What the slowest device spends most of its time on. */
  readonly boundBy: Prediction["bound"];
}

/** A kernel that was compiled and profiled for one call. */
export interface Profiled {
  readonly plan: Plan;
  readonly device: string;
  /** T, all devices together. */
  readonly tokens: number;
  readonly bundles: Bundles;
  readonly profile: KernelProfile;
}

/** `samples`: draws of the routing; absent: as many as `predict` takes. */
export type Estimator = (profiled: Profiled, samples?: number) => Estimate;

/** Seconds that the kernel's own traffic takes at peak rates, one device, all links used. */
export function trafficSeconds({ traffic }: KernelPlan, device: DeviceFacts): Floors {
  return {
    hbm: traffic.hbm / device.hbmBandwidth,
    matrix: traffic.flops / device.bf16Flops,
    ici: traffic.ici / (device.iciLinkBandwidth * device.iciLinks),
  };
}

/** As `moegen predict`; routing is sampled alike for all, so candidates are compared fairly. */
export const estimate: Estimator = ({ plan, device, tokens, bundles, profile }, samples) => {
  const call = { device, tokens, skew: { kind: "uniform" } } as const;
  const { request, steps } = ownKernel(plan, call, bundles);
  const { seconds, range, floor, bound } = predict(request, steps, samples);
  return {
    ...{ seconds, low: range.low, high: range.high, floor: floor.seconds, boundBy: bound },
    compute: profile.total.cycles / deviceOf(device).clock,
  };
};
