/** How a worker is reached. A local process now; the same lines can run over ssh. */
import type { Readable, Writable } from "node:stream";
import { execa } from "execa";
import { bySignal, type Exit } from "./signals.ts";

export interface WorkerProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves, never rejects, when the process is gone; says how it went. */
  readonly exited: Promise<Exit>;
  /** Ends the process and all it started; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Transport {
  /** How often a request that was lost is made again, of another process; absent: never. */
  readonly retries?: number;
  start(): WorkerProcess;
}

export interface LocalOptions {
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
  /** Arguments after `python`; a test may start something else. */
  readonly args?: readonly string[];
}

/** Time between asking a process to end and ending it. */
const PATIENCE_MS = 1000;

const running = new Set<number>();
// Whatever way this process ends, no child outlives it. (A SIGKILL closes the worker's stdin, at
// which it ends itself.)
process.on("exit", () => {
  for (const pid of running) signalGroup(pid, "SIGKILL");
});

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // Gone already.
  }
}

/** Starts a process group that ends with this process, whatever ends it. */
export class LocalTransport implements Transport {
  readonly #options: LocalOptions;

  constructor(options: LocalOptions) {
    this.#options = options;
  }

  start(): WorkerProcess {
    const { python, env, args = ["-m", "moegen_worker"] } = this.#options;
    const child = execa(python, args, {
      env,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      buffer: false,
      reject: false,
      encoding: "buffer",
      // A group of its own: Ctrl-C reaches us, and we end it with all its children.
      detached: process.platform !== "win32",
      forceKillAfterDelay: PATIENCE_MS,
    });
    const { pid, stdin, stdout, stderr } = child;
    if (pid !== undefined) running.add(pid);
    const exited = child.then((result) => {
      if (pid !== undefined) running.delete(pid);
      if (result.exitCode !== undefined) {
        return { how: `exit code ${result.exitCode}`, lost: false };
      }
      if (result.signal !== undefined) return bySignal(result.signal);
      return { how: result.shortMessage ?? "could not be started", lost: false };
    });
    // Writing to a process that is gone is reported by `exited`, not by the pipe.
    stdin.on("error", () => {});
    return {
      stdin,
      stdout,
      stderr,
      exited,
      kill: async () => {
        if (pid === undefined || !running.has(pid)) return;
        signalGroup(pid, "SIGTERM");
        const force = setTimeout(() => signalGroup(pid, "SIGKILL"), PATIENCE_MS);
        await exited;
        clearTimeout(force);
      },
    };
  }
}
