/** One long-lived worker process and its protocol: line JSON, requests answered in order. */
import { createInterface } from "node:readline";
import { isLoss, WorkerError } from "./errors.ts";
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

export type Params = Readonly<Record<string, unknown>>;
export type WorkerEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

export interface RequestOptions {
  readonly onEvent?: (event: WorkerEvent) => void;
  /** Seconds without an event or an answer before the process is ended. */
  readonly timeout?: number;
}

export interface WorkerOptions {
  readonly onStderr?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly onEvent: (event: WorkerEvent) => void;
  readonly settle: (outcome: { result: unknown } | { error: WorkerError }) => void;
  readonly alive: () => void;
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

/** One life of the process. */
class Session {
  readonly #process: WorkerProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #stderr: string[] = [];
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
    void exited.then(async (how) => {
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 200))]);
      this.#end(new WorkerError("crash", `the worker ended: ${how}`, { stderr: this.stderr }));
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
    for (const pending of this.#pending.values()) pending.settle({ error: this.#ended });
    this.#pending.clear();
  }

  #read(line: string): void {
    const message = parse(line);
    const pending = message === undefined ? undefined : this.#pending.get(Number(message.id));
    // Not ours: something wrote to stdout before the worker took it over.
    if (message === undefined || pending === undefined) {
      this.#keep(line);
      return;
    }
    pending.alive();
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
    let timer: NodeJS.Timeout | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      if (timeout === undefined) return;
      timer = setTimeout(() => {
        const text = `no answer to ${op} for ${timeout} s`;
        void this.stop(new WorkerError("timeout", text, { stderr: this.stderr }));
      }, timeout * 1000);
    };
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, {
          onEvent,
          alive: watch,
          settle: (outcome) =>
            "error" in outcome ? reject(outcome.error) : resolve(outcome.result),
        });
        watch();
        this.#process.stdin.write(`${JSON.stringify({ id, op, params })}\n`);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(reason: WorkerError): Promise<void> {
    this.#end(reason);
    this.#process.stdin.end();
    await this.#process.kill();
  }
}

/** A worker that is started when first asked, and again when asked after it was lost. */
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

  /** How often the process was started. */
  get starts(): number {
    return this.#starts;
  }

  async request<Result>(op: string, params: Params, options: RequestOptions = {}): Promise<Result> {
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
