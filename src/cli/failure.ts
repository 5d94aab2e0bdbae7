/** Turns whatever was thrown into one failure: a code, a message, a fix, an exit code. */
import { EXIT, type ExitCode } from "./exit.ts";
import { systemFailure } from "./system-error.ts";

/** The command line asks for something that cannot be meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Failure {
  readonly exit: ExitCode;
  /** Stable word for machines. */
  readonly code: string;
  readonly message: string;
  /** What the user can do. */
  readonly fix?: string;
  /** Shown for faults of moegen itself only. */
  readonly stack?: string;
}

/** Errors are told apart by name: the rooms that throw them need not be loaded to catch them. */
const BY_NAME: Readonly<Record<string, { exit: ExitCode; code: string }>> = {
  UsageError: { exit: EXIT.usage, code: "usage" },
  CommanderError: { exit: EXIT.usage, code: "usage" },
  InvalidArgumentError: { exit: EXIT.usage, code: "usage" },
  EnvironmentError: { exit: EXIT.environment, code: "environment" },
  HouseError: { exit: EXIT.environment, code: "environment" },
  StoreError: { exit: EXIT.failed, code: "store" },
  WriteError: { exit: EXIT.failed, code: "not-written" },
  IntoError: { exit: EXIT.failed, code: "into" },
  WorkerError: { exit: EXIT.failed, code: "worker" },
};

/** Errors of a known name whose code says more: no kernel is at fault. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  "IntoError manifest": EXIT.environment,
  "IntoError disk": EXIT.environment,
  // Given up, or taken from outside: no verdict.
  "WorkerError timeout": EXIT.undecided,
  "WorkerError lost": EXIT.undecided,
  "EnvironmentError cluster-lost": EXIT.undecided,
};

/**
 * What a user is told of anything thrown. Errors of an unknown name are faults of moegen: exit 70
 * and the stack.
 */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) {
    return { exit: EXIT.internal, code: "internal", message: String(thrown) };
  }
  const known = BY_NAME[thrown.name];
  const system = known === undefined ? systemFailure(thrown) : undefined;
  if (system !== undefined) return system;
  if (known === undefined) {
    const fault = { exit: EXIT.internal, code: "internal", message: thrown.message };
    return thrown.stack === undefined ? fault : { ...fault, stack: thrown.stack };
  }
  const fix = textOf(thrown, "fix");
  const message = thrown.message.replace(/^error: /, "");
  // Commander has codes of its own for each way to be wrong; to a user they are one.
  const code = (known.exit === EXIT.usage ? undefined : textOf(thrown, "code")) ?? known.code;
  const failure = { exit: BY_CODE[`${thrown.name} ${code}`] ?? known.exit, code, message };
  return fix === undefined ? failure : { ...failure, fix };
}

function textOf(error: Error, field: "fix" | "code"): string | undefined {
  const value: unknown = Reflect.get(error, field);
  return typeof value === "string" ? value : undefined;
}
