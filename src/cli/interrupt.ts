/**
 * Ctrl-C: whatever runs is told by a signal, ends its children, and unwinds to `main`, which says so
 * and exits 130. Files need no care here, because they are written under another name and renamed
 * in one synchronous step (see `files.ts`).
 */
import { EXIT } from "./exit.ts";

const controller = new AbortController();

/** Aborts when the user wants to stop; given to everything that starts a process or waits. */
export const interrupted: AbortSignal = controller.signal;

/** Time that the work gets to unwind before the process goes without it. */
const PATIENCE_MS = 5000;

/** Installs the handlers; `report` says that the run was stopped, if nobody else can. */
export function handleInterrupts(report: () => void): void {
  const leave = (): void => {
    report();
    process.exit(EXIT.interrupted);
  };
  const stop = (): void => {
    // A second Ctrl-C does not wait.
    if (interrupted.aborted) leave();
    controller.abort();
    setTimeout(leave, PATIENCE_MS).unref();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
}
