/** The cases of one package on workers: collects what they say, and outlives the loss of one. */
import type { Plan } from "../plan/plan.ts";
import { devicesOf } from "../spec/mesh.ts";
import { isUndecided } from "../validate/undecided.ts";
import { isLoss, RequestError, WorkerError } from "./errors.ts";
import { workerLayer } from "./layer.ts";
import type { LocalWorker } from "./local.ts";
import type {
  CaseFailure,
  CaseResult,
  ValidatedSize,
  ValidateEvent,
  ValidateOptions,
} from "./types.ts";
import type { WorkerEvent } from "./worker.ts";

/**
 * Processor seconds a case may take: many times what it does. A deadlock is told exactly, so what
 * takes longer runs without an end.
 */
const CASE_SECONDS = { scaled: 300, full: 7200 };
/** Each of more devices than this has more peers, and all share the same cores. */
const USUAL_DEVICES = 8;
/** What ends a worker does so in most cases: lose one once, not ten times. */
const MOST_LOST = 1;
/** A small plan and the token counts it is run at. */
export interface Subject {
  readonly plan: Plan;
  readonly tokens: readonly number[];
  readonly bucketTokens: readonly number[];
  /** What the caller's mesh and tiles are in every case, whatever the case asks. */
  readonly call?: {
    readonly form: "plain" | "reversed" | "further";
    readonly split: boolean;
    readonly passes: boolean;
  };
}

/** What the worker says of a case; `failure` lacks the line that only we can write. */
type RawCase = Omit<CaseResult, "failure"> & { readonly failure?: Omit<CaseFailure, "reproduce"> };
interface Running {
  /** By `performance.now`. */
  readonly began: number;
  readonly case: string;
  readonly title: string;
  readonly tokens: number;
}

/** How a worker has the package: below a folder of its own machine, or as text. */
export type SentPackage =
  | { readonly package: string }
  | { readonly name: string; readonly files: Readonly<Record<string, string>> };

export interface CaseRunOptions {
  /** The line that runs a case again, alone. */
  readonly reproduce: (name: string, order?: CaseFailure["order"]) => string;
  readonly options: ValidateOptions;
  readonly onEvent: (event: ValidateEvent) => void;
  readonly size: ValidatedSize;
}

/**
 * One validation: collects what its workers say, and outlives the loss of a worker. `share` throws
 * RequestError for a case that the worker does not know, and WorkerError where it is lost before
 * any case.
 */
export class CaseRun {
  readonly #subject: Subject;
  readonly #with: CaseRunOptions;
  readonly #results: CaseResult[] = [];
  #names: readonly string[] | undefined;
  readonly seed: number;

  constructor(subject: Subject, options: CaseRunOptions) {
    this.#subject = subject;
    this.#with = options;
    this.seed = options.options.seed ?? 0;
  }

  /** Cases that were given up or lost, or after that not begun: they are not right, and not wrong. */
  get undecided(): number {
    const without = this.#results.filter(({ failure }) => isUndecided(failure?.kind)).length;
    return without + Math.max(0, (this.#names?.length ?? 0) - this.#results.length);
  }

  /** Results in the order of the cases, not of the workers. */
  inOrder(): readonly CaseResult[] {
    const place = ({ case: name }: CaseResult): number => this.#names?.indexOf(name) ?? 0;
    return [...this.#results].sort((a, b) => place(a) - place(b) || a.tokens - b.tokens);
  }

  /**
   * The part `shard` of the cases, on one worker of several: number `core`, by default the same. A case
   * that is lost to whoever took the worker is made again as often as the worker's requests are.
   */
  async share(
    { worker }: Pick<LocalWorker, "worker">,
    sent: SentPackage,
    shard: readonly [number, number],
    core: readonly [number, number] = shard,
  ): Promise<void> {
    const { options } = this.#with;
    const { plan, tokens, bucketTokens, call } = this.#subject;
    const starts = worker.starts;
    let left = worker.retries;
    const usual = CASE_SECONDS[options.fullSize ? "full" : "scaled"];
    const seconds =
      options.timeout ?? usual * Math.max(1, devicesOf(plan.mesh) / USUAL_DEVICES) ** 2;
    for (;;) {
      let running: Running | undefined;
      const params = {
        ...sent,
        layer: workerLayer(plan),
        tokenAxes: plan.mesh.tokenAxes,
        call: call ?? null,
        tokens,
        bucketTokens,
        cases: options.cases ?? null,
        seed: this.seed,
        jitter: options.jitter ?? null,
        orders: options.orders ?? null,
        done: this.#results.map((done) => [done.case, done.tokens]),
        shard,
        core,
      };
      const onEvent = (event: WorkerEvent): void => {
        running = this.#hear(event) ?? running;
      };
      try {
        // What it did not come to is asked anew, and not what is done.
        await worker.request("validate", params, { onEvent, timeout: seconds, retries: 0 });
        return;
      } catch (error) {
        if (!isLoss(error)) throw understand(error);
        if (error.code === "lost" && left > 0) {
          left -= 1;
          continue;
        }
        if (running === undefined) throw error;
        const { began, ...lost } = running as Running;
        this.#finish({
          ...lost,
          seed: this.seed,
          ok: false,
          error: null,
          seconds: Math.round(performance.now() - began) / 1000,
          failure: {
            kind: error.code,
            message: describe(error),
            error: error.stderr || error.message,
          },
        });
        if (worker.starts - starts >= MOST_LOST + worker.retries - left) return;
      }
    }
  }

  /** The case that an event says has begun. */
  #hear(event: WorkerEvent): Running | undefined {
    const { onEvent, size } = this.#with;
    if (event.event === "start" && this.#names === undefined) {
      this.#names = event.cases as readonly string[];
      onEvent({ event: "start", size, cases: this.#names });
    } else if (event.event === "case-start") {
      const { case: name, title, tokens } = event as unknown as Running;
      onEvent({ event: "case-start", case: name, title, tokens });
      return { began: performance.now(), case: name, title, tokens };
    } else if (event.event === "case") {
      const { event: _, id: __, ...raw } = event;
      this.#finish(raw as unknown as RawCase);
    }
    return undefined;
  }

  #finish({ failure, ...rest }: RawCase): void {
    const { reproduce, onEvent } = this.#with;
    const result: CaseResult =
      failure === undefined
        ? rest
        : { ...rest, failure: { ...failure, reproduce: reproduce(rest.case, failure.order) } };
    this.#results.push(result);
    onEvent({ event: "case", ...result });
  }
}

/** A name that the worker does not know is the user's mistake, not the worker's. */
function understand(error: unknown): unknown {
  const code = error instanceof WorkerError ? error.code : undefined;
  return code === "UNKNOWN_CASE" ? new RequestError((error as WorkerError).message) : error;
}

function describe(error: WorkerError): string {
  if (error.code === "timeout") return `given up, no verdict: ${error.message}`;
  const verdict = isUndecided(error.code) ? ", no verdict" : "";
  return `the worker was lost${verdict}: ${error.message}`;
}
