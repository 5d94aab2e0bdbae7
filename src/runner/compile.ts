/** Plan → package in a temporary folder → the real TPU compiler, target by target. */

import { availableParallelism } from "node:os";
import { emitPackage } from "../emit/index.ts";
import { lowerFor } from "../lower/lower.ts";
import { allOf } from "../plan/call.ts";
import type { Buffer, KernelPlan, Plan } from "../plan/plan.ts";
import { schedules } from "../schedule/registry.ts";
import { devicesOf } from "../spec/mesh.ts";
import { deviceOf, devices } from "../target/device/registry.ts";
import { requirePython } from "./environment.ts";
import { isLoss, type Loss } from "./errors.ts";
import { CompileCache } from "./known/cache.ts";
import { toolchainOf } from "./known/toolchain.ts";
import { devicesFor, type LocalWorker, withWorker } from "./local.ts";
import { inParallel } from "./parallel.ts";
import type { CompileRequest, RawBuffer, RawTarget } from "./raw.ts";
import type {
  Bundles,
  CompiledBuffer,
  CompileEvent,
  CompileOptions,
  CompileResult,
  CompileTargetResult,
} from "./types.ts";
import type { Worker } from "./worker.ts";

/** Of processor time: the largest kernels take some two minutes. */
const TARGET_SECONDS = 1200;
/** More than two workers at once only wait for memory. */
const MOST_WORKERS = 2;

/** One kernel to compile: the plan's at this size. */
export interface Target {
  readonly device: string;
  readonly tokens: number;
  readonly kernel: KernelPlan;
}

/** HLO's names of the plan's types; the compiler lists unsigned scratch as signed. */
const HLO_TYPES: Readonly<Record<Buffer["dtype"], string>> = {
  bfloat16: "bf16",
  float32: "f32",
  uint32: "s32",
  int32: "s32",
  float8_e4m3fn: "f8e4m3fn",
  float8_e5m2: "f8e5m2",
  int8: "s8",
  float4_e2m1fn: "f4e2m1fn",
  int4: "s4",
};

function hloShapes({ dtype, shape, slots }: Buffer): readonly string[] {
  const type = HLO_TYPES[dtype];
  return [[slots, ...shape], shape].map((dims) => `${type}[${dims.join(",")}]`);
}

/** The compiler lists scratch by shape alone: gives each the first plan name that it can be. */
export function nameBuffers(
  raw: readonly RawBuffer[],
  planned: readonly Buffer[],
): readonly CompiledBuffer[] {
  const free = [...planned];
  return raw.map(({ shape, bytes, tag }) => {
    const plain = shape.replace(/\{.*$/, "");
    const index = free.findIndex((buffer) => hloShapes(buffer).includes(plain));
    const [found] = index < 0 ? [] : free.splice(index, 1);
    return { name: found?.name ?? null, shape: plain, bytes, tag };
  });
}

/** The largest T of each bucket, in rising order: what fits there fits in all of the bucket. */
export function largestTokens(plan: Plan): readonly number[] {
  const largest = new Set(plan.kernels.map(({ tiles }) => tiles.upTo));
  return [...largest].sort((a, b) => a - b);
}

function targetsOf(plan: Plan, options: CompileOptions): readonly Target[] {
  const kinds = options.devices ?? [...new Set(plan.kernels.map(({ device }) => device))];
  const counts = options.tokens ?? largestTokens(plan);
  return kinds.flatMap((device) =>
    counts.map((tokens) => {
      const kernel = lowerFor(plan, { device, tokens }, { schedules, devices });
      return { device, tokens, kernel };
    }),
  );
}

/** What the plan itself lists as largest: where the compiler gives a sum and no list. */
function plannedBuffers(kernel: KernelPlan): readonly CompiledBuffer[] {
  return allOf(kernel)
    .buffers.filter(({ space }) => space === "VMEM")
    .map((buffer) => ({
      name: buffer.name,
      shape: hloShapes(buffer)[0] ?? "",
      bytes: buffer.bytes,
      tag: "planned",
    }))
    .sort((a, b) => b.bytes - a.bytes);
}

function resultOf(target: Target, raw: RawTarget, known = false): CompileTargetResult {
  const { device, tokens, kernel } = target;
  const vmem = allOf(kernel).buffers.filter(({ space }) => space === "VMEM");
  const { failure } = raw;
  const listed = failure?.buffers ?? [];
  const overflow = failure?.kind === "vmem";
  const buffers =
    overflow && listed.length === 0 ? plannedBuffers(kernel) : nameBuffers(listed, vmem);
  const planned = kernel.vmem.used;
  return {
    device,
    deviceKind: raw.deviceKind,
    topology: raw.topology,
    tokens,
    bucket: kernel.bucket,
    fits: raw.fits,
    bundles: raw.bundles,
    vmem: {
      used: raw.vmem?.used ?? (overflow ? (failure.requested ?? planned) : planned),
      capacity: deviceOf(device).vmemBytes,
      planned,
      buffers: nameBuffers(raw.vmem?.buffers ?? [], vmem),
    },
    codeBytes: raw.codeBytes,
    offloads: raw.offloads ?? null,
    seconds: raw.seconds,
    known,
    ...(failure === undefined ? {} : { failure: { ...failure, buffers } }),
  };
}

function lostTarget(target: Target, kind: Loss, message: string): CompileTargetResult {
  const slices = deviceOf(target.device).topologies;
  return resultOf(target, {
    topology: slices[0]?.name ?? "",
    deviceKind: deviceOf(target.device).kind,
    fits: false,
    bundles: null,
    vmem: null,
    codeBytes: null,
    seconds: { trace: 0, compile: 0 },
    failure: { kind, message },
  });
}

/** The source of a target, and what is asked of the compiler. */
interface Asked {
  readonly files: ReadonlyMap<string, string>;
  readonly request: CompileRequest;
  /** Of its entry in the cache; undefined: nothing is looked up or kept. */
  readonly key: string | undefined;
}

function ask(
  files: ReadonlyMap<string, string>,
  target: Target,
  plan: Plan,
  { cache, cwd }: CompileOptions,
): Asked {
  const request: CompileRequest = {
    layer: plan.layer,
    slices: deviceOf(target.device).topologies,
    tokens: target.tokens,
    tokenAxes: plan.mesh.tokenAxes,
  };
  const devices = devicesFor(devicesOf(plan.mesh));
  const toolchain = cache && toolchainOf(requirePython(cwd).python, devices);
  const key = toolchain && CompileCache.keyOf(files, request, toolchain);
  return { files, request, key };
}

/** What the cache has of a target. */
function knownResult(
  { key }: Asked,
  target: Target,
  { cache, profile = false }: CompileOptions,
): CompileTargetResult | undefined {
  const raw = key === undefined ? undefined : cache?.get(key);
  if (raw === undefined) return undefined;
  const result = resultOf(target, raw, true);
  return profile ? result : { ...result, bundles: withoutProfile(result.bundles) };
}

function withoutProfile(bundles: Bundles | null): Bundles | null {
  if (bundles === null) return null;
  const { profile: _, ...rest } = bundles;
  return rest;
}

/**
 * Compiles for every device and token count of the options, several at once; what the cache knows
 * starts nothing. A target that does not fit, or costs the compiler, is a result; throws
 * EnvironmentError without Python, WorkerError for what the worker refuses.
 */
export async function compileSpec(
  plan: Plan,
  options: CompileOptions = {},
  onEvent: (event: CompileEvent) => void = () => {},
): Promise<CompileResult> {
  const start = performance.now();
  const targets = targetsOf(plan, options);
  const files = await emitPackage(plan);
  const buckets = options.tokens === undefined;
  onEvent({ event: "start", targets: targets.length, buckets });
  const results: CompileTargetResult[] = [];
  const finish = (index: number, result: CompileTargetResult): void => {
    results[index] = result;
    onEvent({ event: "target", ...result });
  };
  const queue = targets.flatMap((target, index) => {
    const known = knownResult(ask(files, target, plan, options), target, options);
    if (known === undefined) return [{ target, index }];
    finish(index, known);
    return [];
  });

  const work = async ({ worker }: LocalWorker): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { target, index } = next;
      onEvent({ event: "target-start", device: target.device, tokens: target.tokens });
      finish(index, await compileTarget(worker, files, target, plan, options));
    }
  };
  const wanted = options.workers ?? Math.min(MOST_WORKERS, availableParallelism());
  const workers = Math.min(Math.max(1, wanted), queue.length);
  await inParallel(workers, options.signal, (_, signal) =>
    withWorker({ ...options, signal, ep: devicesOf(plan.mesh) }, work),
  );
  return {
    ok: results.every(({ fits }) => fits),
    name: plan.name,
    targets: results,
    seconds: Math.round(performance.now() - start) / 1000,
  };
}

/**
 * In a worker that lives on, unless the cache knows it; `files` is the plan's package. Throws
 * WorkerError for what the worker refuses; its loss is a result.
 */
export async function compileTarget(
  worker: Pick<Worker, "request">,
  files: ReadonlyMap<string, string>,
  target: Target,
  plan: Plan,
  options: CompileOptions,
): Promise<CompileTargetResult> {
  const asked = ask(files, target, plan, options);
  const known = knownResult(asked, target, options);
  if (known !== undefined) return known;
  const { key, request } = asked;
  const wanted = options.profile ?? false;
  const profile = wanted || key !== undefined;
  const params = { ...request, name: plan.name, files: Object.fromEntries(files), profile };
  try {
    const timeout = options.timeout ?? TARGET_SECONDS;
    const raw = await worker.request<RawTarget>("compile", params, { timeout });
    if (key !== undefined) options.cache?.keep(key, raw);
    return resultOf(target, wanted ? raw : { ...raw, bundles: withoutProfile(raw.bundles) });
  } catch (error) {
    if (!isLoss(error)) throw error;
    // It costs this target; the next request starts a new worker.
    const said = error.stderr.split("\n").slice(-5).join("\n");
    return lostTarget(
      target,
      error.code,
      said === "" ? error.message : `${error.message}\n${said}`,
    );
  }
}
