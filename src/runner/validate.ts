/** Spec → small package in a temporary folder → cases on simulated devices. */
import { availableParallelism } from "node:os";
import { judge } from "../check/judge.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import type { MoeSpec } from "../dsl/spec.ts";
import { emitPackage } from "../emit/index.ts";
import type { Plan } from "../plan/plan.ts";
import { scaleSpec, usualTokens } from "../plan/scale.ts";
import { schedules } from "../schedule/registry.ts";
import { devices } from "../target/device/registry.ts";
import { isLoss, RequestError, WorkerError } from "./errors.ts";
import { type LocalWorker, withWorker, writePackage } from "./local.ts";
import { inParallel } from "./parallel.ts";
import { reproduceLine } from "./reproduce.ts";
import type {
  CaseFailure,
  CaseResult,
  ValidatedSize,
  ValidateEvent,
  ValidateOptions,
  ValidateResult,
} from "./types.ts";
import type { WorkerEvent } from "./worker.ts";

/** Seconds a case may take: far more than it does, so that only a deadlock takes longer. */
const CASE_SECONDS = { scaled: 60, full: 1800 };
/** A kernel that deadlocks does so in most cases: lose a worker once, not ten times. */
const MOST_STARTS = 2;
/** Workers that share the cases: interpreting keeps one core busy. */
const MOST_WORKERS = 2;

interface Subject {
  readonly plan: Plan;
  readonly tokens: readonly number[];
  readonly bucketTokens: readonly number[];
}

/** What the worker says of a case; `failure` lacks the line that only we can write. */
type RawCase = Omit<CaseResult, "failure"> & { readonly failure?: Omit<CaseFailure, "reproduce"> };
interface Running {
  readonly case: string;
  readonly title: string;
  readonly tokens: number;
}

function planOf(spec: MoeSpec, what: string): Plan {
  const { findings, plan } = judge(spec, { schedules, devices });
  if (plan !== undefined) return plan;
  const problems = findings.filter(({ severity }) => severity === "error");
  throw new RequestError(`${what}: ${problems.map(({ message }) => message).join("; ")}`);
}

function subjectOf(loaded: LoadedSpec, plan: Plan, options: ValidateOptions): Subject {
  const ep = options.ep ?? plan.mesh.ep;
  const given = options.tokens;
  if (options.fullSize) {
    const { spec } = loaded;
    // The reference is what we compare with, whether or not the spec wants it written.
    const emit = { ...plan.emit, reference: true };
    const changed = { ...spec, mesh: { ...spec.mesh, ep } };
    const full = ep === plan.mesh.ep ? plan : planOf(changed, `at ep ${ep}`);
    return { plan: { ...full, emit }, tokens: given ?? [usualTokens(ep)], bucketTokens: [] };
  }
  const schedule = Object.values(schedules).find(({ kind }) => kind === plan.schedule);
  if (schedule === undefined) throw new RequestError(`no schedule ${plan.schedule}`);
  const scaled = scaleSpec(plan, schedule, ep);
  return {
    plan: planOf(scaled.spec, `scaled to ep ${ep}`),
    tokens: given ?? [scaled.tokens],
    bucketTokens: given === undefined ? scaled.bucketTokens : [],
  };
}

function sizeOf(plan: Plan, scaled: boolean): ValidatedSize {
  const { experts, topK, hidden, intermediate, dtype } = plan.layer;
  return { scaled, experts, topK, hidden, intermediate, ep: plan.mesh.ep, dtype };
}

export async function validateSpec(
  loaded: LoadedSpec,
  plan: Plan,
  options: ValidateOptions = {},
  onEvent: (event: ValidateEvent) => void = () => {},
): Promise<ValidateResult> {
  const start = performance.now();
  const subject = subjectOf(loaded, plan, options);
  const files = await emitPackage(subject.plan);
  const size = sizeOf(subject.plan, !options.fullSize);
  const { ep } = subject.plan.mesh;
  const path = options.specPath ?? loaded.path;
  // Full size is bound by memory, and a single case cannot be shared.
  const alone = options.fullSize || options.cases?.length === 1;
  const shards = alone ? 1 : Math.min(MOST_WORKERS, availableParallelism());
  const run = new Run(subject, { path, options, onEvent, size });
  await inParallel(shards, options.signal, (shard, signal) =>
    withWorker({ ...options, signal, ep }, async (local) => {
      const folder = await writePackage(files, local.folder, subject.plan.name);
      await run.share(local, folder, [shard, shards]);
    }),
  );
  const cases = run.inOrder();
  const errors = cases.map(({ error }) => error);
  const worst = errors.includes(null) ? null : Math.max(0, ...(errors as readonly number[]));
  return {
    ok: cases.length > 0 && cases.every(({ ok }) => ok),
    name: plan.name,
    size,
    bound: run.bound,
    seed: run.seed,
    cases,
    worstError: worst,
    seconds: Math.round(performance.now() - start) / 1000,
  };
}

interface RunOptions {
  readonly path: string;
  readonly options: ValidateOptions;
  readonly onEvent: (event: ValidateEvent) => void;
  readonly size: ValidatedSize;
}

/** One validation: collects what its workers say, and outlives the loss of a worker. */
class Run {
  readonly #subject: Subject;
  readonly #with: RunOptions;
  readonly #results: CaseResult[] = [];
  #names: readonly string[] | undefined;
  readonly seed: number;
  bound = 0;

  constructor(subject: Subject, options: RunOptions) {
    this.#subject = subject;
    this.#with = options;
    this.seed = options.options.seed ?? 0;
  }

  /** Results in the order of the cases, not of the workers. */
  inOrder(): readonly CaseResult[] {
    const place = ({ case: name }: CaseResult): number => this.#names?.indexOf(name) ?? 0;
    return [...this.#results].sort((a, b) => place(a) - place(b) || a.tokens - b.tokens);
  }

  /** The part of one worker. */
  async share(
    { worker }: LocalWorker,
    folder: string,
    shard: readonly [number, number],
  ): Promise<void> {
    const { options } = this.#with;
    const { plan, tokens, bucketTokens } = this.#subject;
    const seconds = options.timeout ?? CASE_SECONDS[options.fullSize ? "full" : "scaled"];
    for (;;) {
      let running: Running | undefined;
      const params = {
        package: folder,
        layer: plan.layer,
        tokenAxes: plan.mesh.tokenAxes,
        form: options.meshForm ?? "plain",
        tokens,
        bucketTokens,
        cases: options.cases ?? null,
        seed: this.seed,
        done: this.#results.map((done) => [done.case, done.tokens]),
        shard,
      };
      const onEvent = (event: WorkerEvent): void => {
        running = this.#hear(event) ?? running;
      };
      try {
        await worker.request("validate", params, { onEvent, timeout: seconds });
        return;
      } catch (error) {
        if (!isLoss(error)) throw understand(error);
        const lost = running as Running | undefined;
        if (lost === undefined) throw error;
        this.#finish({
          ...lost,
          seed: this.seed,
          ok: false,
          error: null,
          seconds: error.code === "timeout" ? seconds : 0,
          failure: { message: describe(error, seconds), error: error.stderr || error.message },
        });
        if (worker.starts >= MOST_STARTS) return;
      }
    }
  }

  /** The case that an event says has begun. */
  #hear(event: WorkerEvent): Running | undefined {
    const { onEvent, size } = this.#with;
    if (event.event === "start" && this.#names === undefined) {
      this.bound = Number(event.bound);
      this.#names = event.cases as readonly string[];
      onEvent({ event: "start", size, bound: this.bound, cases: this.#names });
    } else if (event.event === "case-start") {
      const { case: name, title, tokens } = event as unknown as Running;
      onEvent({ event: "case-start", case: name, title, tokens });
      return { case: name, title, tokens };
    } else if (event.event === "case") {
      const { event: _, id: __, ...raw } = event;
      this.#finish(raw as unknown as RawCase);
    }
    return undefined;
  }

  #finish({ failure, ...rest }: RawCase): void {
    const { path, options, onEvent } = this.#with;
    const result: CaseResult =
      failure === undefined
        ? rest
        : {
            ...rest,
            failure: { ...failure, reproduce: reproduceLine(path, rest.case, this.seed, options) },
          };
    this.#results.push(result);
    onEvent({ event: "case", ...result });
  }
}

/** A name that the worker does not know is the user's mistake, not the worker's. */
function understand(error: unknown): unknown {
  const code = error instanceof WorkerError ? error.code : undefined;
  return code === "UNKNOWN_CASE" ? new RequestError((error as WorkerError).message) : error;
}

function describe(error: WorkerError, seconds: number): string {
  return error.code === "timeout"
    ? `deadlock or too slow: no end after ${seconds} s`
    : `the worker was lost: ${error.message}`;
}
