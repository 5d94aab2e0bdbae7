/** One candidate through legality, VMEM, compiler and profile: always a record, never an exception. */
import type { Estimator } from "../profile/estimate.ts";
import { profileTarget } from "../profile/run.ts";
import { type CompileCache, compileTarget, isLoss, type LocalWorker } from "../runner/index.ts";
import type { CompileTargetResult } from "../runner/types.ts";
import { defined } from "../spec/defined.ts";
import { deviceOf } from "../target/device/registry.ts";
import { filesOf, type Judged, type Prepared, type Refused } from "./prepare.ts";
import { isTransient, keyOf, STORE_SCHEMA, type SweepRecord } from "./record.ts";
import type { Store } from "./store.ts";

export interface EvaluateOptions {
  readonly estimator: Estimator;
  /** Seconds of processor time for one candidate. */
  readonly timeout: number;
  /** Of what was compiled before. */
  readonly cache?: CompileCache;
  /** What the compiler said is wanted, whether or not the record is known. */
  readonly counted?: boolean;
  readonly signal?: AbortSignal;
  /** When the worker was free for it, as `performance.now` says; absent: at once. */
  readonly from?: () => number;
}

/** A worker that compiles, and the machine that it is on where that is another. */
export interface Workplace extends Pick<LocalWorker, "worker" | "info"> {
  readonly machine?: () => string;
}

export interface Evaluated {
  readonly record: SweepRecord;
  /** It was in the store already. */
  readonly known: boolean;
  /** What the compiler said, where it was asked. */
  readonly target?: CompileTargetResult;
}

/** Asks the store before the compiler. */
export async function evaluate(
  judged: Judged,
  spec: string,
  store: Store,
  local: Workplace,
  options: EvaluateOptions,
): Promise<Evaluated> {
  const start = performance.now();
  const { id, kernel, refused, prepared } = judged;
  const device = deviceOf(id.device);
  const versions = { jax: local.info.jax, libtpu: local.info.libtpu };
  // What the plan alone refuses has no source: its reason stands for it.
  const files = prepared
    ? await filesOf(prepared)
    : new Map([[spec, `${id.bucket} ${refused?.reason}`]]);
  const key = keyOf({ files, id, deviceKind: device.kind, versions });
  store.refresh();
  const found = store.get(key);
  const kept = found !== undefined && !isTransient(found) ? found : undefined;
  if (kept !== undefined && (options.counted !== true || kept.status !== "ok")) {
    return { record: kept, known: true };
  }
  const common = {
    ...({ schema: STORE_SCHEMA, key, spec, versions, ...id } as const),
    btc: kernel?.tiles.btc ?? [],
    streamed: kernel?.tiles.streamed ?? false,
    vmem: {
      planned: kernel?.vmem.used ?? 0,
      used: kernel?.vmem.used ?? 0,
      available: device.vmemBudget,
    },
  };
  const { from = () => start } = options;
  const seconds = (): number => Math.round(performance.now() - Math.max(start, from())) / 1000;
  const drop = (why: Refused): SweepRecord => ({
    ...common,
    ...{ status: "dropped", ...why, seconds: seconds() },
  });
  if (prepared === undefined) {
    const why = refused ?? { stage: "legality", kind: "illegal", reason: "no plan" };
    return { record: drop(why), known: false };
  }
  const outcome = await compiled(prepared, files, local, options);
  if ("kind" in outcome) return { record: drop(outcome), known: false };
  const { target, profile, estimate } = outcome;
  if (kept !== undefined) return { record: kept, known: true, target };
  if (profile === null || estimate === null) {
    const reason = "the compiler dumped no schedule";
    return { record: drop({ stage: "profile", kind: "worker", reason }), known: false };
  }
  const machine = local.machine?.();
  const record: SweepRecord = {
    ...common,
    ...defined({ machine }),
    status: "ok",
    vmem: { ...common.vmem, used: target.vmem.used },
    bundles: target.bundles?.total ?? 0,
    cycles: profile.total.cycles,
    estimate,
    stages: profile.stages
      .filter(({ cycles }) => cycles > 0)
      .map(({ stage, cycles, bound, distance }) => ({
        ...{ stage, cycles, distance },
        slot: bound?.slot ?? null,
      })),
    seconds: seconds(),
  };
  return { record, known: false, target };
}

async function compiled(
  { plan, id, kernel }: Prepared,
  files: ReadonlyMap<string, string>,
  { worker, machine }: Workplace,
  { estimator, timeout, cache: own, signal }: EvaluateOptions,
): Promise<ReturnType<typeof profileTarget> | Refused> {
  // The cache knows this machine's compiler; another's may be another.
  const cache = machine === undefined ? own : undefined;
  try {
    const target = { device: id.device, tokens: id.tokens, kernel };
    const limits = { timeout, profile: true, ...defined({ cache }) };
    const result = await compileTarget(worker, files, target, plan, limits);
    const { failure } = result;
    if (failure !== undefined) {
      return { stage: "compile", kind: failure.kind, reason: firstLines(failure.message) };
    }
    return profileTarget(plan, result, estimator);
  } catch (error) {
    signal?.throwIfAborted();
    return { stage: "compile", kind: kindOf(error), reason: firstLines(messageOf(error)) };
  }
}

/** Enough to recognise a failure; the whole of a compiler's message would fill the store. */
function firstLines(message: string): string {
  return message.split("\n").slice(0, 6).join("\n").slice(0, 600);
}

/** What an error says, of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** As what a candidate is dropped: a full disk, a lost worker, or the worker's own answer. */
export function kindOf(error: unknown): Refused["kind"] {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  if (code === "ENOSPC" || /No space left on device|ENOSPC/.test(messageOf(error))) return "disk";
  if (isLoss(error)) return error.code;
  return "worker";
}
