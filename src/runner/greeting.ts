/** The first thing that a worker is asked: who it is. */
import { isLoss } from "./errors.ts";
import type { WorkerInfo } from "./types.ts";
import type { Worker } from "./worker.ts";

/** Of processor time: `hello` loads no JAX. */
const HELLO_SECONDS = 60;

/** Why a worker did not answer. */
export interface Silence {
  /** Taken from outside: it says nothing of the Python that it is. */
  readonly lost: boolean;
  /** How its process went. */
  readonly message: string;
  /** The last line that it wrote to stderr. */
  readonly said: string | undefined;
}

/**
 * Versions and machine of a worker. Throws what `explain` makes of its loss, and WorkerError for an
 * answer that refuses.
 */
export async function greeting(
  worker: Worker,
  explain: (silence: Silence) => Error,
): Promise<WorkerInfo> {
  try {
    return await worker.request<WorkerInfo>("hello", {}, { timeout: HELLO_SECONDS });
  } catch (error) {
    if (!isLoss(error)) throw error;
    const said = error.stderr.split("\n").at(-1)?.trim() || undefined;
    throw explain({ lost: error.code === "lost", message: error.message, said });
  }
}

/** Those of `wanted` that the worker's Python lacks. */
export function lacking<Name extends keyof WorkerInfo>(
  info: WorkerInfo,
  wanted: readonly Name[],
): readonly Name[] {
  return wanted.filter((name) => !info[name]);
}
