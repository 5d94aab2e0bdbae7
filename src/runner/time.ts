/** Time of calls on a host: device time on a TPU, and wall time, never called anything else, on a CPU. */

import type { LoadedSpec } from "../dsl/load.ts";
import { emitPackage } from "../emit/index.ts";
import type { Plan } from "../plan/plan.ts";
import { defined } from "../spec/defined.ts";
import { devicesOf } from "../spec/mesh.ts";
import { deviceOf } from "../target/device/registry.ts";
import { largestTokens } from "./compile.ts";
import {
  type HostOptions,
  type HostWorker,
  hostName,
  hostSlice,
  understandHost,
  withHost,
} from "./host.ts";
import { workerLayer } from "./layer.ts";
import type { CaseFailure, ValidatedSize } from "./types.ts";
import { sizeOf, subjectOf } from "./validate.ts";

/** Processor seconds, and seconds without any: weights of a large layer are made and sent meanwhile. */
const STEP_SECONDS = 7200;
const STILL_SECONDS = 1800;

export interface TimeOptions extends Omit<HostOptions, "devices"> {
  /** The host must have this kind; absent: any. */
  readonly device?: string;
  readonly tokens?: readonly number[];
  readonly warmup: number;
  readonly repetitions: number;
  readonly seed?: number;
}

export interface Spread {
  /** Seconds. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Between the quartiles. */
  readonly quartiles: readonly [number, number];
  readonly samples: readonly number[];
}

export interface TimedCall {
  readonly tokens: number;
  readonly check: {
    readonly ok: boolean;
    /** Relative Frobenius error of the compared rows; null where it is not finite. */
    readonly error: number | null;
    readonly rows?: number;
    readonly failure?: Omit<CaseFailure, "reproduce">;
  };
  /** From the profiler's trace of a TPU; null: not measured, or the kernel is wrong. */
  readonly deviceTime: Spread | null;
  /** Of an interpreted kernel on a CPU: says that the way works, and nothing of a TPU. */
  readonly cpuWallTime: Spread | null;
  /** The host took what another machine had compiled. */
  readonly known: boolean;
}

export interface TimeResult {
  readonly ok: boolean;
  readonly name: string;
  readonly host: string;
  readonly clock: "device" | "cpu";
  readonly deviceKind: string;
  readonly versions: { readonly jax: string | null; readonly libtpu: string | null };
  readonly size: ValidatedSize;
  readonly warmup: number;
  readonly repetitions: number;
  readonly calls: readonly TimedCall[];
  readonly seconds: number;
}

export type TimeEvent = { readonly event: "step"; readonly what: string };

/** A package and T: several of one layer are timed in turns. */
export interface TimedKernel {
  readonly plan: Plan;
  readonly tokens: number;
  /** Compiled elsewhere. */
  readonly entry?: CacheEntry | undefined;
}

/** A compiled program as JAX's cache keeps it; `data` in base64. */
export interface CacheEntry {
  readonly name: string;
  readonly data: string;
  readonly sha256: string;
}

interface Raw {
  readonly deviceKind: string;
  readonly clock: "device" | "cpu";
  readonly calls: readonly {
    readonly tokens: number;
    readonly check: TimedCall["check"];
    readonly seconds: readonly number[] | null;
    readonly known?: boolean;
  }[];
}

/** Median, quartiles (interpolated), least and most, in the samples' unit. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const [low = 0, high = low] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return low + (high - low) * (place - Math.floor(place));
  };
  return {
    ...{ median: at(0.5), min: at(0), max: at(1), quartiles: [at(0.25), at(0.75)] },
    samples,
  };
}

/**
 * On a worker that lives: kernels of one layer, call by call in turns. Seconds. Throws RangeError
 * without a kernel, EnvironmentError where the host lacks a TPU.
 */
export async function timeKernels(
  { worker }: HostWorker,
  kernels: readonly TimedKernel[],
  options: TimeOptions,
  onEvent: (event: TimeEvent) => void = () => {},
): Promise<Omit<Raw, "calls"> & { readonly calls: readonly TimedCall[] }> {
  const [first] = kernels;
  if (first === undefined) throw new RangeError("no kernel to time");
  const { device, backend, warmup, repetitions, seed = 0, timeout = STEP_SECONDS } = options;
  const params = {
    layer: workerLayer(first.plan),
    tokenAxes: first.plan.mesh.tokenAxes,
    backend,
    deviceKind: device === undefined ? null : deviceOf(device).kind,
    kernels: await Promise.all(
      kernels.map(async ({ plan, tokens, entry }) => ({
        name: plan.name,
        // A timed call is checked, whether or not the spec wants its reference written.
        files: Object.fromEntries(
          await emitPackage({ ...plan, emit: { ...plan.emit, reference: true } }),
        ),
        tokens,
        entry: entry ?? null,
      })),
    ),
    ...{ warmup, repetitions, seed },
  };
  try {
    const raw = await worker.request<Raw>("time", params, {
      ...{ timeout, still: STILL_SECONDS },
      onEvent: (event) => onEvent({ event: "step", what: String(event.what) }),
    });
    const calls = raw.calls.map(({ tokens, check, seconds, known = false }): TimedCall => {
      const spread = seconds === null || seconds.length === 0 ? null : spreadOf(seconds);
      return {
        ...{ tokens, check, known },
        deviceTime: raw.clock === "device" ? spread : null,
        cpuWallTime: raw.clock === "cpu" ? spread : null,
      };
    });
    return { ...raw, calls };
  } catch (error) {
    throw understandHost(error, hostName(options.host));
  }
}

/** `device_kind` of the host's devices. @throws EnvironmentError where it has none. */
export function hostKind(options: Omit<TimeOptions, "device" | "tokens">): Promise<string> {
  return withHost({ ...options, devices: 1 }, async ({ worker }) => {
    const params = { backend: options.backend, kernels: [], warmup: 0, repetitions: 0 };
    try {
      const limits = { timeout: options.timeout ?? STEP_SECONDS, still: STILL_SECONDS };
      return (await worker.request<Raw>("time", params, limits)).deviceKind;
    } catch (error) {
      throw understandHost(error, hostName(options.host));
    }
  });
}

export interface TimedOn {
  readonly host: string;
  readonly slice?: string;
  readonly libtpu: string | null;
  readonly calls: readonly TimedCall[];
}

/** On a worker of their own: kernels of one layer at full size, in turns. */
export async function timeOn(
  kernels: readonly TimedKernel[],
  options: TimeOptions,
  onEvent: (event: TimeEvent) => void = () => {},
): Promise<TimedOn> {
  const ep = devicesOf(kernels[0]?.plan.mesh ?? { ep: 1 });
  const checkable = kernels.map((kernel) => ({
    ...kernel,
    plan: { ...kernel.plan, emit: { ...kernel.plan.emit, reference: true } },
  }));
  return withHost({ ...options, devices: ep }, async (on) => {
    const { calls } = await timeKernels(on, checkable, options, onEvent);
    const { host } = options;
    const { libtpu } = on.info;
    return { host: hostName(host), ...defined({ slice: hostSlice(host) }), libtpu, calls };
  });
}

/**
 * Times a spec on a host at full size, scaled down where a CPU interprets it. Each call is checked
 * as well. Throws EnvironmentError where the host is not reached, lacks Python or a TPU.
 */
export async function timeSpec(
  loaded: LoadedSpec,
  plan: Plan,
  options: TimeOptions,
  onEvent: (event: TimeEvent) => void = () => {},
): Promise<TimeResult> {
  const start = performance.now();
  const scaled = options.backend === "cpu";
  const { seed, tokens: given } = options;
  const counts = given ?? largestTokens(plan);
  // A CPU that interprets takes hours for what a TPU does in a millisecond.
  const subject = scaled
    ? subjectOf(loaded, plan, given === undefined ? {} : { tokens: given })
    : { plan: { ...plan, emit: { ...plan.emit, reference: true } }, tokens: counts };
  return withHost({ ...options, devices: devicesOf(plan.mesh) }, async (on) => {
    onEvent({ event: "step", what: "connected" });
    const kernels = subject.tokens.map((tokens) => ({ plan: subject.plan, tokens }));
    const timed = await timeKernels(on, kernels, { ...options, seed: seed ?? 0 }, onEvent);
    return {
      ok: timed.calls.every(({ check }) => check.ok),
      name: plan.name,
      host: hostName(options.host),
      ...{ clock: timed.clock, deviceKind: timed.deviceKind },
      versions: { jax: on.info.jax, libtpu: on.info.libtpu },
      size: sizeOf(subject.plan, scaled),
      ...{ warmup: options.warmup, repetitions: options.repetitions, calls: timed.calls },
      seconds: Math.round(performance.now() - start) / 1000,
    };
  });
}
