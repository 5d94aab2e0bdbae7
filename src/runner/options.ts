/** What every call that needs the worker takes. */
export interface RunnerOptions {
  /** Stops the work and ends its processes. */
  readonly signal?: AbortSignal;
  /** The worker's stderr as it comes; absent, it is kept only for crash reports. */
  readonly onStderr?: (text: string) => void;
  /** Seconds of its own processor time without news before the worker is ended. */
  readonly timeout?: number;
  /** Where Python is looked for first; absent: the working directory. */
  readonly cwd?: string;
}
