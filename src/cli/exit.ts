/** Exit codes: one list, documented in the README. */
export const EXIT = {
  ok: 0,
  /** The spec, the kernel or the generated files are not right. */
  failed: 1,
  /** `build --check`: what is on disk is not what would be built. */
  drift: 2,
  usage: 64,
  /** Something that the command needs is not there: Python, JAX, a device. */
  environment: 69,
  /** A fault of moegen itself. */
  internal: 70,
  /** Nothing is wrong as far as was seen, and not all was: a time-out, or a budget that is spent. */
  undecided: 75,
  /** The terminal is gone (SIGHUP), Ctrl-C (SIGINT), asked to end (SIGTERM): 128 and the signal. */
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
