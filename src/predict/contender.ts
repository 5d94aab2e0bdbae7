/** What is predicted and compared: a spec's own kernel, or a published schedule at its shape. */

import { scales } from "../lower/hbm.ts";
import { lowerFor } from "../lower/lower.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { Bundles } from "../runner/types.ts";
import { scheduleOf, schedules } from "../schedule/registry.ts";
import { defined } from "../spec/defined.ts";
import { deviceLayer, hasGate, scaleBlock, tokenRows } from "../spec/formats.ts";
import { memberParts } from "../spec/member.ts";
import { deviceOf, devices } from "../target/device/registry.ts";
import type { Job, JobLayer } from "./job.ts";
import { ownTiles } from "./pieces/shipped.ts";
import { kernelSteps } from "./plan/kernel.ts";
import type { Published } from "./published/published.ts";
import type { Skew } from "./routing/skew.ts";
import type { JobRequest } from "./run.ts";
import type { Step } from "./step.ts";
import { parseWeightType } from "./weights.ts";

export interface Call {
  readonly device: string;
  /** T, all devices together. */
  readonly tokens: number;
  readonly skew: Skew;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Where its tiles come from. */
  readonly tiles: string;
  readonly request: JobRequest;
  readonly steps: (job: Job) => readonly Step[];
}

/** A plan's layer in the predictor's words, as one device has it. */
export function layerOf(plan: Pick<Plan, "layer" | "mesh">): JobLayer {
  const layer = deviceLayer(plan.layer, plan.mesh);
  const { quantization } = layer;
  const block = quantization === undefined ? undefined : scaleBlock(quantization);
  return {
    experts: layer.experts,
    topK: layer.topK,
    ...defined({ identity: layer.identityExperts }),
    hidden: layer.hidden,
    intermediate: layer.intermediate,
    weights: parseWeightType(quantization?.weights ?? layer.dtype) ?? "bfloat16",
    ...defined({ scaleGroup: block }),
    ...(quantization === undefined ? {} : { scaleBytes: scales(layer, layer.intermediate) }),
    ...(hasGate(layer) ? {} : { matrices: 2 as const }),
    ...(quantization?.activations === undefined ? {} : { activations: quantization.activations }),
    ...(tokenRows(layer) === undefined ? {} : { sentBytes: 1 }),
    ...(layer.sharedExperts === undefined
      ? {}
      : { shared: layer.sharedExperts.count * layer.sharedExperts.intermediate }),
  };
}

function requestOf(plan: Plan, { device, tokens, skew }: Call): JobRequest {
  return {
    device: deviceOf(device),
    ep: plan.mesh.ep,
    ...defined({ tp: plan.mesh.tp }),
    tokens,
    layer: layerOf(plan),
    tiles: {},
    skew,
  };
}

/** The kernel of a spec: its plan for this call, and what the compiler counted for it. */
export function ownKernel(plan: Plan, call: Call, bundles: Bundles): Contender {
  const kernel: KernelPlan = lowerFor(plan, call, { schedules, devices });
  const { bt, bf, bd } = kernel.tiles;
  const kind = kernel.schedule ?? plan.schedule;
  const stepsOf = scheduleOf(memberParts(kind).kind).steps ?? kernelSteps;
  return {
    name: plan.name,
    title: `${plan.name}, ${kind} schedule`,
    tiles: `bt ${bt}, bf ${bf}, bd ${bd} of the spec`,
    request: requestOf(plan, call),
    steps: (job) => stepsOf(kernel, bundles, job),
  };
}

/** A published schedule at the shape of a spec. */
export function publishedKernel(kernel: Published, plan: Plan, call: Call): Contender {
  const request = requestOf(plan, call);
  const { tiles, from } = ownTiles(kernel, request);
  const words = Object.entries(tiles).map(([name, value]) => `${name} ${value}`);
  return {
    name: kernel.name,
    title: kernel.title,
    tiles: words.length > 0 ? `${words.join(", ")} (${from})` : from,
    request: { ...request, tiles },
    steps: kernel.steps,
  };
}
