/** One long-lived worker process and its protocol: line JSON, requests answered in order. */
import { createInterface } from "node:readline";
import { isLoss, WorkerError } from "./errors.ts";
import { type Pulse, SILENT_SECONDS, STILL_SECONDS, Watch } from "./progress.ts";
import type { Transport, WorkerProcess } from "./transport.ts";

/** Lines of stderr kept for a crash report. */
const STDERR_LINES = 40;
/** libtpu says these on every start where there is no TPU: no news for anyone. */
const NOISE = [
  /unexpected worker hostname/,
  /could not determine TPU/,
  /=== Source Location Trace: ===/,
  /libtpu_init_utils\.cc/,
  /WARNING: Logging before InitGoogle/,
  /Failed to find host bounds/,
];

/** Where a child of the worker keeps its stderr open: what was said by then is what there is. */
const DRAIN_MS = 5000;

export type Params = Readonly<Record<string, unknown>>;
export type WorkerEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

export interface RequestOptions {
  readonly onEvent?: (event: WorkerEvent) => void;
  /**
   * Seconds of the worker's own processor time without an event or an answer before it is ended;
   * absent: no limit.
   */
  readonly timeout?: number;
  /** Seconds in which it may do nothing at all; absent: 120, or `timeout` where that is less. */
  readonly still?: number;
  /** How often it is made again of another process where one is lost; absent: the transport's. */
  readonly retries?: number;
}

export interface WorkerOptions {
  readonly onStderr?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly onEvent: (event: WorkerEvent) => void;
  readonly settle: (outcome: { result: unknown } | { error: WorkerError }) => void;
  /** Why the worker is given up, at this pulse. */
  readonly pulse: (pulse: Pulse) => string | undefined;
  readonly news: () => void;
  readonly op: string;
}

type Message = Record<string, unknown>;

function parse(line: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null && "id" in message
      ? (message as Message)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of a request that stood behind the one that the process was lost at. */
function unbegun({ code, message, stderr }: WorkerError): WorkerError {
  return new WorkerError(code, message, { stderr, detail: { unbegun: true } });
}

/** One life of the process. */
class Session {
  readonly #process: WorkerProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #stderr: string[] = [];
  /** Looks, since the process last said anything. */
  #silent = 0;
  #listening: NodeJS.Timeout | undefined;
  /** Why it ended, once it has. */
  #ended: WorkerError | undefined;

  constructor(transport: Transport, onStderr: ((text: string) => void) | undefined) {
    this.#process = transport.start();
    const { stdout, stderr, exited } = this.#process;
    createInterface({ input: stdout, crlfDelay: Infinity }).on("line", (line) => this.#read(line));
    const errors = createInterface({ input: stderr, crlfDelay: Infinity });
    errors.on("line", (line) => {
      onStderr?.(`${line}\n`);
      if (line.trim() !== "" && !NOISE.some((noise) => noise.test(line))) this.#keep(line);
    });
    // What it said last tells why it went: read that first.
    const drained = new Promise<void>((resolve) => errors.once("close", resolve));
    void exited.then(async ({ how, lost }) => {
      let patience: NodeJS.Timeout | undefined;
      const enough = new Promise((resolve) => {
        patience = setTimeout(resolve, DRAIN_MS);
      });
      await Promise.race([drained, enough]);
      // A timer keeps Node from ending: each command would take its seconds more.
      clearTimeout(patience);
      const code = lost ? "lost" : "crash";
      this.#end(new WorkerError(code, `the worker ended: ${how}`, { stderr: this.stderr }));
    });
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  get stderr(): string {
    return this.#stderr.join("\n");
  }

  #keep(line: string): void {
    this.#stderr.push(line);
    if (this.#stderr.length > STDERR_LINES) this.#stderr.shift();
  }

  #end(error: WorkerError): void {
    this.#ended ??= error;
    clearInterval(this.#listening);
    const [first, ...rest] = this.#pending.values();
    first?.settle({ error: this.#ended });
    // It works on one at a time, in their order: it did not come to these.
    for (const { settle } of rest) settle({ error: isLoss(error) ? unbegun(error) : error });
    this.#pending.clear();
  }

  #giveUp(op: string, why: string): void {
    void this.stop(new WorkerError("timeout", `${op}: ${why}`, { stderr: this.stderr }));
  }

  /** Two looks: where this process itself was kept from running, lines are read between them. */
  #listen(op: string): void {
    clearInterval(this.#listening);
    this.#silent = 0;
    this.#listening = setInterval(() => {
      this.#silent += 1;
      if (this.#silent > 1) this.#giveUp(op, `no sign of life for ${SILENT_SECONDS} s`);
    }, SILENT_SECONDS * 500);
  }

  #read(line: string): void {
    this.#silent = 0;
    const message = parse(line);
    const pending = message === undefined ? undefined : this.#pending.get(Number(message.id));
    // Not ours: something wrote to stdout before the worker took it over.
    if (message === undefined || pending === undefined) {
      this.#keep(line);
      return;
    }
    if (message.event === "pulse") {
      const why = pending.pulse(message as unknown as Pulse);
      if (why !== undefined) this.#giveUp(pending.op, why);
      return;
    }
    pending.news();
    if (typeof message.event === "string") {
      pending.onEvent(message as WorkerEvent);
      return;
    }
    this.#pending.delete(Number(message.id));
    if (message.ok === true) {
      pending.settle({ result: message.result });
      return;
    }
    const error = (message.error ?? {}) as { code?: string; message?: string; detail?: Message };
    const text = error.message ?? "the worker gave no reason";
    const detail = error.detail ?? {};
    pending.settle({
      error: new WorkerError(error.code ?? "worker", text, { detail, stderr: this.stderr }),
    });
  }

  async request(id: number, op: string, params: Params, options: RequestOptions): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended;
    const { onEvent = () => {}, timeout } = options;
    const { still = Math.min(STILL_SECONDS, timeout ?? STILL_SECONDS) } = options;
    const watch = timeout === undefined ? undefined : new Watch({ cpu: timeout, still });
    if (watch !== undefined) this.#listen(op);
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, {
          onEvent,
          op,
          pulse: (pulse) => watch?.pulse(pulse),
          news: () => watch?.news(),
          settle: (outcome) =>
            "error" in outcome ? reject(outcome.error) : resolve(outcome.result),
        });
        this.#process.stdin.write(`${JSON.stringify({ id, op, params })}\n`);
      });
    } finally {
      if (this.#pending.size === 0) clearInterval(this.#listening);
    }
  }

  async stop(reason: WorkerError): Promise<void> {
    this.#end(reason);
    this.#process.stdin.end();
    await this.#process.kill();
  }
}

/**
 * A worker that is started when first asked, and again when asked after it was lost. Requests may be
 * made before the last is answered; what the worker had not come to when it was lost is asked again. `request`
 * throws WorkerError ("crash", "lost", "timeout", "closed" or the worker's own code) and the reason of an
 * abort.
 */
export class Worker {
  readonly #transport: Transport;
  readonly #options: WorkerOptions;
  #session: Session | undefined;
  #nextId = 1;
  #starts = 0;
  #closed = false;
  readonly #abort = (): void => void this.close();

  constructor(transport: Transport, options: WorkerOptions = {}) {
    this.#transport = transport;
    this.#options = options;
    options.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** How often a request is made again of another process where one is lost. */
  get retries(): number {
    return this.#transport.retries ?? 0;
  }

  /** How often the process was started. */
  get starts(): number {
    return this.#starts;
  }

  async request<Result>(op: string, params: Params, options: RequestOptions = {}): Promise<Result> {
    let left = options.retries ?? this.retries;
    for (;;) {
      try {
        return await this.#once<Result>(op, params, options);
      } catch (error) {
        if (!isLoss(error)) throw error;
        if (error.detail.unbegun === true) continue;
        if (left <= 0 || error.code !== "lost") throw error;
        left -= 1;
      }
    }
  }

  async #once<Result>(op: string, params: Params, options: RequestOptions): Promise<Result> {
    this.#options.signal?.throwIfAborted();
    if (this.#closed) throw new WorkerError("closed", "the worker was closed", {});
    if (this.#session === undefined || !this.#session.alive) {
      this.#session = new Session(this.#transport, this.#options.onStderr);
      this.#starts += 1;
    }
    try {
      return (await this.#session.request(this.#nextId++, op, params, options)) as Result;
    } catch (error) {
      // A process that ended because the user stopped the run did not crash.
      if (isLoss(error)) this.#options.signal?.throwIfAborted();
      throw error;
    }
  }

  /** Ends the process; also while a request is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    await this.#session?.stop(new WorkerError("closed", "the worker was closed", {}));
  }
}
