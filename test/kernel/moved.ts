/** Bytes that a simulated call moves, against those of its plan. */
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { jobOf } from "../../src/predict/run.ts";
import { amount, type Here, type Step } from "../../src/predict/step.ts";
import { gather } from "../../src/schedule/gather/index.ts";
import { devices } from "../../src/target/device/registry.ts";

/** Of a call of 8,192 tokens on 8 v7x, balanced: bytes that its copies have by stream, for each planned. */
export function movedOfPlanned(plan: Plan, kernel: KernelPlan): ReadonlyMap<string, number> {
  const free = { total: 0, tracing: 0, scopes: {}, loops: [] };
  const request = { device: devices.v7x, ep: 8, tokens: 8192, tiles: {}, layer: layerOf(plan) };
  const job = jobOf({ ...request, skew: { kind: "balanced" } });
  const moved = new Map<string, number>();
  const counted = (step: Step): Step => {
    if ("body" in step) return { ...step, body: step.body.map(counted) };
    if (step.do !== "start") return step;
    const bytes = (here: Here): number => {
      const found = amount(step.bytes, here);
      moved.set(step.stream, (moved.get(step.stream) ?? 0) + found / 8);
      return found;
    };
    return { ...step, bytes };
  };
  simulate(gather.steps(kernel, free, job).map(counted), job.device, 8);
  return new Map(
    allOf(kernel).streams.map(({ name, bytes }) => [name, (moved.get(name) ?? 0) / bytes]),
  );
}
