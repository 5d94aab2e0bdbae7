/** Asks the worker who it is, for `doctor`. */
import { withWorker } from "./local.ts";
import type { RunnerOptions, WorkerInfo } from "./types.ts";

/** Throws EnvironmentError, with the fix, where there is no usable Python. */
export function greet(options: RunnerOptions = {}): Promise<WorkerInfo> {
  return withWorker(options, async ({ info }) => info);
}
