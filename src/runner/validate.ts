/** Spec → small package in a temporary folder → cases on simulated devices. */
import { availableParallelism } from "node:os";
import { judge } from "../check/judge.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import { emitPackage } from "../emit/index.ts";
import { emitLayers } from "../emit/layers.ts";
import type { Plan } from "../plan/plan.ts";
import { scheduleOf, schedules } from "../schedule/registry.ts";
import { defined } from "../spec/defined.ts";
import { devicesOf, type MeshSpec } from "../spec/mesh.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { devices } from "../target/device/registry.ts";
import { scaleSpec } from "../validate/scale.ts";
import { usualTokens } from "../validate/scale-buckets.ts";
import { CaseRun, type Subject } from "./case-run.ts";
import { RequestError } from "./errors.ts";
import { shareOfLimit, worstErrorOf } from "./limits.ts";
import { type LocalWorker, withWorker, writePackage } from "./local.ts";
import { inParallel } from "./parallel.ts";
import { reproduceLine } from "./reproduce.ts";
import type { ValidatedSize, ValidateEvent, ValidateOptions, ValidateResult } from "./types.ts";

/** Workers that share the cases: interpreting keeps one core busy. */
const MOST_WORKERS = 2;

/**
 * The plan of a spec that moegen made itself. Throws RequestError, beginning with `what`, where it
 * does not check: what the user asked for has no kernel.
 */
export function planOf(spec: MoeSpec, what: string): Plan {
  const { findings, plan } = judge(spec, { schedules, devices });
  if (plan !== undefined) return plan;
  const problems = findings.filter(({ severity }) => severity === "error");
  throw new RequestError(`${what}: ${problems.map(({ message }) => message).join("; ")}`);
}

/**
 * What is validated instead of the spec: scaled down, or with `fullSize` its own size, always with
 * its reference. Throws RequestError where that has no plan, e.g. for an `ep` that does not divide
 * the experts.
 *
 * @param options with `tp`, of experts whose columns are cut a scaled one over so many devices
 */
export function subjectOf(
  loaded: LoadedSpec,
  plan: Plan,
  options: ValidateOptions & Pick<MeshSpec, "tp">,
): Subject {
  const ep = options.ep ?? plan.mesh.ep;
  const given = options.tokens;
  if (options.fullSize) {
    const { spec } = loaded;
    // The reference is what we compare with, whether or not the spec wants it written.
    const emit = { ...plan.emit, reference: true };
    const changed = { ...spec, mesh: { ...spec.mesh, ep } };
    const full = ep === plan.mesh.ep ? plan : planOf(changed, `at ep ${ep}`);
    return {
      plan: { ...full, emit },
      tokens: given ?? [usualTokens(devicesOf(full.mesh))],
      bucketTokens: [],
    };
  }
  const scaled = scaleSpec(plan, scheduleOf, ep, options.tp);
  return {
    plan: planOf(scaled.spec, `scaled to ep ${ep}`),
    tokens: given ?? [scaled.tokens, ...scaled.scheduleTokens],
    bucketTokens: given === undefined ? scaled.bucketTokens : [],
  };
}

/** The sizes of a plan as results say them; `scaled`: they are not the spec's. */
export function sizeOf(plan: Plan, scaled: boolean): ValidatedSize {
  const { experts, topK, hidden, intermediate, dtype } = plan.layer;
  const { ep, tp } = plan.mesh;
  return { scaled, experts, topK, hidden, intermediate, ep, ...defined({ tp }), dtype };
}

/**
 * Runs cases on simulated devices. What a case finds is a result; `ok` needs all of them right and
 * none undecided. Throws RequestError for what cannot be asked of this spec, EnvironmentError
 * without Python.
 */
export async function validateSpec(
  loaded: LoadedSpec,
  plan: Plan,
  options: ValidateOptions = {},
  onEvent: (event: ValidateEvent) => void = () => {},
): Promise<ValidateResult> {
  const asked = await ask(loaded, plan, options, onEvent);
  const { subject, files, name, run } = asked;
  const ep = devicesOf(subject.plan.mesh);
  // Full size is bound by memory, and a single case cannot be shared.
  const alone = options.fullSize || options.cases?.length === 1;
  const shards = alone ? 1 : Math.min(MOST_WORKERS, availableParallelism());
  await inParallel(shards, options.signal, (shard, signal) =>
    withWorker({ ...options, signal, ep }, async (local) => {
      const folder = await writePackage(files, local.folder, name);
      await run.share(local, { package: folder }, [shard, shards]);
    }),
  );
  return resultOf(plan, asked);
}

/**
 * As `validateSpec`, all cases one after the other on a worker that may be anywhere. What its machine
 * takes from it is made again as often as its other requests are.
 */
export async function validateOn(
  { worker }: Pick<LocalWorker, "worker">,
  loaded: LoadedSpec,
  plan: Plan,
  options: ValidateOptions,
): Promise<ValidateResult> {
  const asked = await ask(loaded, plan, options, () => {});
  const { files, name, run } = asked;
  const sent = { name, files: Object.fromEntries(files) };
  await run.share({ worker }, sent, [0, 1]);
  return resultOf(plan, asked);
}

interface Asked {
  /** By `performance.now`. */
  readonly start: number;
  readonly subject: Subject;
  readonly files: ReadonlyMap<string, string>;
  /** The folder among them that has the kernel. */
  readonly name: string;
  readonly size: ValidatedSize;
  readonly run: CaseRun;
}

async function ask(
  loaded: LoadedSpec,
  plan: Plan,
  options: ValidateOptions,
  onEvent: (event: ValidateEvent) => void,
): Promise<Asked> {
  const start = performance.now();
  const subject = subjectOf(loaded, plan, options);
  const { files, name } = await packageOf(loaded, subject, options);
  const size = sizeOf(subject.plan, !options.fullSize);
  const path = options.specPath ?? loaded.path;
  const run = new CaseRun(subject, {
    reproduce: (found, order) => reproduceLine(path, found, options.seed ?? 0, options, order),
    ...{ options, onEvent, size },
  });
  return { start, subject, files, name, size, run };
}

/** The package that has the subject's kernel: its own, or that of all kinds of layers. */
async function packageOf(
  loaded: LoadedSpec,
  subject: Subject,
  { kind: of, ...options }: ValidateOptions,
): Promise<Pick<Asked, "files" | "name">> {
  if (of === undefined) {
    return { files: await emitPackage(subject.plan), name: subject.plan.name };
  }
  const kinds = of.kinds.map(({ kind, at, spec, plan }) => {
    const own = kind === of.kind;
    const made = own ? subject : subjectOf({ ...loaded, spec }, plan, options);
    return { kind, at, plan: made.plan };
  });
  const files = await emitLayers({ name: of.name, kinds });
  return { files, name: `${of.name}/${of.kind}` };
}

function resultOf(plan: Plan, { start, size, run }: Asked): ValidateResult {
  const cases = run.inOrder();
  return {
    ok: cases.length > 0 && run.undecided === 0 && cases.every(({ ok }) => ok),
    name: plan.name,
    size,
    seed: run.seed,
    cases,
    undecided: run.undecided,
    worstError: worstErrorOf(cases),
    ofLimit: shareOfLimit(cases),
    seconds: Math.round(performance.now() - start) / 1000,
  };
}
