/**
 * Ctrl-C: stop the children, say so, exit 130. Files need no care here, because they are written
 * under another name and renamed in one synchronous step (see `files.ts`).
 */
import { EXIT } from "./exit.ts";

const controller = new AbortController();

/** Aborts when the user wants to stop; given to everything that starts a process. */
export const interrupted: AbortSignal = controller.signal;

type Cleanup = () => void | Promise<void>;
const cleanups = new Set<Cleanup>();

/** Registers what must happen before the process goes; returns how to take it back. */
export function beforeExit(cleanup: Cleanup): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** Time that children get to go before the process goes without waiting. */
const PATIENCE_MS = 3000;

/** Installs the handlers; `report` says on the chosen channel that the run was stopped. */
export function handleInterrupts(report: () => void): void {
  const stop = async (): Promise<void> => {
    if (interrupted.aborted) return;
    controller.abort();
    const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
    const all = Promise.allSettled([...cleanups].map(async (cleanup) => cleanup()));
    await Promise.race([all, patience]);
    report();
    process.exit(EXIT.interrupted);
  };
  process.on("SIGINT", () => void stop());
  process.on("SIGTERM", () => void stop());
}
