/** Failures of the runner; told apart by name, so that the CLI can catch them without loading this. */

/** Python or a package is missing or does not run. Says what to do; never a stack trace. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string) {
    super(message);
    this.code = code;
    this.fix = fix;
  }
}

/**
 * `crash` (by its own doing), `lost` (taken from outside) and `timeout` cost the process; any other code
 * is the worker's own answer.
 */
export class WorkerError extends Error {
  override readonly name = "WorkerError";
  readonly code: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** The last that the worker wrote to stderr. */
  readonly stderr: string;

  constructor(
    code: string,
    message: string,
    { detail = {}, stderr = "" }: { detail?: Readonly<Record<string, unknown>>; stderr?: string },
  ) {
    super(message);
    this.code = code;
    this.detail = detail;
    this.stderr = stderr;
  }
}

const LOSSES = ["crash", "lost", "timeout"] as const;

/** How a process is lost. */
export type Loss = (typeof LOSSES)[number];

/** Whether the process is gone: another request starts a new one. */
export function isLoss(error: unknown): error is WorkerError & { readonly code: Loss } {
  return error instanceof WorkerError && LOSSES.some((loss) => loss === error.code);
}

/** The request cannot be meant: the CLI takes it as wrong use, by its name. */
export class RequestError extends Error {
  override readonly name = "UsageError";
}
