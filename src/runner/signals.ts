/** How a process ended: by its own doing, or taken from outside. */
import { constants } from "node:os";

export interface Exit {
  readonly how: string;
  /** Taken from outside, by what says nothing of its work: another process may do better. */
  readonly lost: boolean;
}

/** What a process brings on itself; another signal is somebody's, or of a machine without memory. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  ...["SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"],
]);
/** A shell's code for a process that a signal ended. */
const BY_SIGNAL = 128;

/** By the signal that ended it. */
export function bySignal(signal: string): Exit {
  return { how: signal, lost: !OWN_FAULTS.has(signal) };
}

/** By an exit code that may stand for a signal: 128 and its number. */
export function byCode(code: number): Exit {
  const known = Object.entries(constants.signals).find(([, number]) => number === code - BY_SIGNAL);
  return known === undefined ? { how: `exit code ${code}`, lost: false } : bySignal(known[0]);
}
