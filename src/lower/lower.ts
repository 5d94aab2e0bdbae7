/** Assembles the plan: every bucket on every device, from tiles that are already numbers. */

import { isStreamed } from "../plan/call.ts";
import { planOfKernel } from "../plan/members.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { defined } from "../spec/defined.ts";
import { localExperts } from "../spec/formats.ts";
import { axesOf } from "../spec/mesh.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Device } from "../target/device/device.ts";
import type { ResolvedTiles } from "./tiles.ts";

export type Schedules = Readonly<Record<string, Schedule>>;
export type Devices = Readonly<Record<string, Device>>;

/** Where schedules and devices come from: the registries, or a test's own. */
export interface Registries {
  readonly schedules: Schedules;
  readonly devices: Devices;
}

/** Bucket-major, as `Plan.kernels` asks. */
export function lowerSpec(spec: MoeSpec, resolved: readonly ResolvedTiles[]): Plan {
  const { quantization, wire, biases, sharedExperts } = spec.layer;
  const { redundantExperts, heldExperts, identityExperts, deterministic, scoreOn } = spec.layer;
  return {
    schema: 2,
    name: spec.name,
    ...defined({ source: spec.source }),
    schedule: spec.schedule.kind,
    layer: {
      experts: spec.layer.experts,
      topK: spec.layer.topK,
      hidden: spec.layer.hidden,
      intermediate: spec.layer.intermediate,
      activation: spec.layer.activation,
      dtype: spec.layer.dtype,
      routing: { ...spec.layer.routing },
      weights: spec.layer.weights,
      ...(quantization === undefined ? {} : { quantization: { ...quantization } }),
      ...(wire === undefined ? {} : { wire: { ...wire } }),
      ...defined({ biases }),
      ...(sharedExperts === undefined ? {} : { sharedExperts: { ...sharedExperts } }),
      ...defined({ redundantExperts, heldExperts, identityExperts, deterministic, scoreOn }),
    },
    mesh: {
      ep: spec.mesh.ep,
      axes: spec.mesh.axes,
      ...defined({ tp: spec.mesh.tp, tpAxes: spec.mesh.tpAxes }),
      tokenAxes: [...(spec.mesh.tokenAxes ?? axesOf(spec.mesh))],
    },
    localExperts: localExperts(spec.layer, spec.mesh.ep),
    emit: { ...spec.emit },
    kernels: resolved.map(({ kernel }) => {
      const { predicted, compilerOptions } = spec.schedule.tiles[kernel.bucket] ?? {};
      return { ...kernel, ...defined({ compilerOptions, predicted: predicted?.[kernel.device] }) };
    }),
  };
}

/**
 * The kernel of the bucket that serves a call of `tokens` on a device kind: the first that holds them,
 * else the largest; undefined: the plan has none of that kind.
 */
export function kernelFor(
  { kernels }: Pick<Plan, "kernels">,
  device: string,
  tokens: number,
): KernelPlan | undefined {
  const ascending = kernels
    .filter((kernel) => kernel.device === device)
    .sort((a, b) => a.tiles.upTo - b.tiles.upTo);
  return ascending.find(({ tiles }) => tokens <= tiles.upTo) ?? ascending.at(-1);
}

export interface LowerForOptions {
  /** Any known device: one that the plan lacks takes the tiles that its package takes there. */
  readonly device: string;
  /** T, all devices together. */
  readonly tokens: number;
}

/**
 * One kernel at another token count or on another device: for `explain` and `compile`.
 *
 * @throws RangeError for a device or a schedule that there is not, or a plan without a kernel.
 */
export function lowerFor(
  plan: Plan,
  { device: name, tokens }: LowerForOptions,
  { schedules, devices }: Registries,
): KernelPlan {
  const device = devices[name];
  if (device === undefined) {
    throw new RangeError(`no device ${name}; known: ${Object.keys(devices).join(", ")}`);
  }
  // A kernel that is made keeps its own tiles, at any T and wherever it runs.
  const kernel = kernelIn(plan, name, tokens, devices);
  const { tiles } = kernel;
  const own = planOfKernel(plan, kernel);
  const schedule = schedules[own.schedule];
  if (schedule === undefined) throw new RangeError(`no schedule ${own.schedule}`);
  const made = schedule.lower({
    layer: plan.layer,
    ep: plan.mesh.ep,
    ...defined({ tp: plan.mesh.tp }),
    devices: own.kernels.map((one) => one.device),
    device,
    tiles,
    tokens,
    streamed: isStreamed(own.kernels),
    own: tiles.own,
  });
  const { schedule: kind, choice, rowsTimes, compilerOptions } = kernel;
  return { ...made, ...defined({ schedule: kind, choice, rowsTimes, compilerOptions }) };
}

/** The kernel whose tiles the package takes: where the kind has none, of that with least VMEM. */
function kernelIn(plan: Plan, device: string, tokens: number, devices: Devices): KernelPlan {
  const kinds = [...new Set(plan.kernels.map((kernel) => kernel.device))];
  const vmem = (kind: string): number => devices[kind]?.vmemBytes ?? 0;
  const tightest = kinds.toSorted((a, b) => vmem(a) - vmem(b))[0];
  const kind = kinds.includes(device) ? device : tightest;
  const found = kind === undefined ? undefined : kernelFor(plan, kind, tokens);
  if (found === undefined) throw new RangeError("the plan has no kernel");
  return found;
}
