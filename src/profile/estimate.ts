/**
 * Time of one call from a profile: the one place that ranks kernels. Replace `estimate` to rank by
 * a better model; whoever ranks takes an `Estimator`.
 */
import type { KernelPlan } from "../plan/plan.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import type { KernelProfile } from "./profile.ts";

export interface Floors {
  /** Seconds. */
  readonly hbm: number;
  readonly matrix: number;
  readonly ici: number;
}

export interface Estimate {
  /** Seconds of one call. */
  readonly seconds: number;
  /** Bundles over clock. */
  readonly compute: number;
  /** What no schedule of this layer can go below. */
  readonly floor: number;
  readonly boundBy: "compute" | keyof Floors;
}

export type Estimator = (
  kernel: KernelPlan,
  profile: KernelProfile,
  device: DeviceFacts,
) => Estimate;

/** Seconds that the kernel's own traffic takes at peak rates, one device, all links used. */
export function trafficSeconds({ traffic }: KernelPlan, device: DeviceFacts): Floors {
  return {
    hbm: traffic.hbm / device.hbmBandwidth,
    matrix: traffic.flops / device.bf16Flops,
    ici: traffic.ici / (device.iciLinkBandwidth * device.iciLinks),
  };
}

/** Seconds that any schedule takes at least. */
export function floorSeconds({ traffic }: KernelPlan, device: DeviceFacts): number {
  return Math.max(
    traffic.hbmMinimum / device.hbmBandwidth,
    traffic.flops / device.bf16Flops,
    traffic.iciMinimum / (device.iciLinkBandwidth * device.iciLinks),
  );
}

/** Stages that run beside the weight stream; what runs before and after them adds to the time. */
function isBesideWeights({ per }: KernelPlan["stages"][number]): boolean {
  return per !== "call" && per !== "pass";
}

/**
 * Work before and after the experts, plus the larger of the experts' work and their weights'
 * stream. Waits for other devices are not in it.
 */
export const estimate: Estimator = (kernel, { stages, total }, device) => {
  const beside = new Set(kernel.stages.filter(isBesideWeights).map(({ name }) => name));
  const inLoop = stages
    .filter(({ stage }) => beside.has(stage))
    .reduce((sum, { cycles }) => sum + cycles, 0);
  const compute = total.cycles / device.clock;
  const traffic = trafficSeconds(kernel, device);
  const loop = inLoop / device.clock;
  const seconds = Math.max(compute - loop + Math.max(loop, traffic.hbm), traffic.ici);
  const boundBy =
    seconds === traffic.ici ? "ici" : loop >= traffic.hbm ? ("compute" as const) : "hbm";
  return { seconds, compute, floor: floorSeconds(kernel, device), boundBy };
};
