/**
 * Ctrl-C and its kin: whatever runs is told by a signal, ends its children, and unwinds to `main`,
 * which says so and exits with 128 and the signal's number. Files need no care here, because they are written under another name and renamed
 * in one synchronous step (see `files.ts`).
 */
import { EXIT, type ExitCode } from "./exit.ts";

const controller = new AbortController();

/** Aborts when the user wants to stop; given to everything that starts a process or waits. */
export const interrupted: AbortSignal = controller.signal;

/** Time that the work gets to unwind before the process goes without it. */
const PATIENCE_MS = 5000;

const EXITS = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: EXIT.hangup,
} as const satisfies Partial<Record<NodeJS.Signals, ExitCode>>;

let exit: ExitCode = EXIT.interrupted;

/** What a run that was stopped exits with: by the first signal that came. */
export function interruptedExit(): ExitCode {
  return exit;
}

/** Installs the handlers; `report` says that the run was stopped, if nobody else can. */
export function handleInterrupts(report: () => void): void {
  const leave = (): void => {
    report();
    process.exit(exit);
  };
  const stop = (signal: keyof typeof EXITS): void => {
    // A second Ctrl-C does not wait.
    if (interrupted.aborted) leave();
    exit = EXITS[signal];
    controller.abort();
    setTimeout(leave, PATIENCE_MS).unref();
  };
  for (const signal of Object.keys(EXITS) as (keyof typeof EXITS)[]) process.on(signal, stop);
  // A file beyond `ulimit -f` is then an error of its write, which is told, and not the end.
  if (process.platform !== "win32") process.on("SIGXFSZ", () => {});
}
