/** Assembles the plan: every bucket on every device, from tiles that are already numbers. */

import { isStreamed } from "../plan/call.ts";
import type { KernelPlan, Plan, TileChoice } from "../plan/plan.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { defined } from "../spec/defined.ts";
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
  const { redundantExperts, deterministic } = spec.layer;
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
      ...defined({ redundantExperts, deterministic }),
    },
    mesh: {
      ep: spec.mesh.ep,
      axes: spec.mesh.axes,
      tokenAxes: [...(spec.mesh.tokenAxes ?? spec.mesh.axes)],
    },
    localExperts: spec.layer.experts / spec.mesh.ep,
    emit: { ...spec.emit },
    kernels: resolved.map(({ kernel }) => {
      const predicted = spec.schedule.tiles[kernel.bucket]?.predicted?.[kernel.device];
      return predicted === undefined ? kernel : { ...kernel, predicted: { ...predicted } };
    }),
  };
}

/** The bucket that serves a call of `tokens`: the first that holds them, else the largest. */
export function bucketFor<B extends { readonly upTo: number }>(
  buckets: readonly B[],
  tokens: number,
): B | undefined {
  const ascending = [...buckets].sort((a, b) => a.upTo - b.upTo);
  return ascending.find((bucket) => tokens <= bucket.upTo) ?? ascending.at(-1);
}

export interface LowerForOptions {
  /** Any known device: one that the plan lacks takes the bucket's tiles of the plan's first. */
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
  const schedule = schedules[plan.schedule];
  if (schedule === undefined) throw new RangeError(`no schedule ${plan.schedule}`);
  const streamed = isStreamed(plan.kernels);
  const { tiles, own } = tilesIn(plan, name, tokens);
  // The kernel made for this device keeps its own tiles at any T; for another they are chosen anew.
  const made = own ? { own: tiles.own } : {};
  const { slots: _, ...others } = tiles;
  return schedule.lower({
    layer: plan.layer,
    ep: plan.mesh.ep,
    devices: plan.kernels.map((kernel) => kernel.device),
    device,
    tiles: own ? tiles : others,
    tokens,
    streamed,
    ...made,
  });
}

/** Tiles of the bucket that serves `tokens`, and whether they are this device's own. */
function tilesIn(
  plan: Plan,
  device: string,
  tokens: number,
): { readonly tiles: TileChoice; readonly own: boolean } {
  const own = plan.kernels.filter((kernel) => kernel.device === device);
  const first = plan.kernels[0]?.device;
  const kernels = own.length > 0 ? own : plan.kernels.filter((k) => k.device === first);
  const tiles = bucketFor(
    kernels.map((kernel) => kernel.tiles),
    tokens,
  );
  if (tiles === undefined) throw new RangeError("the plan has no kernel");
  return { tiles, own: own.length > 0 };
}
