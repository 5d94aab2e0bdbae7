/** As many works at once as there is room for, while the room changes. */

export interface Room {
  /** How many there is room for now. */
  readonly size: () => number;
  /** Called when that may have changed. */
  readonly watchers: Set<() => void>;
  readonly signal: AbortSignal;
}

/**
 * Starts `work` as often as there is room, and again when there is more; once one is done nothing is
 * left to begin, and the rest are waited for. If one fails the others are aborted. Resolves to the most
 * that were at work at once; throws the first failure, or the reason of `signal`.
 */
export async function inCrowd(
  { size, watchers, signal }: Room,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let [running, most, done] = [0, 0, false];
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      if (running === 0 && (done || either.aborted)) resolve();
    };
    const fill = (): void => {
      while (!done && !either.aborted && running < size()) {
        running += 1;
        most = Math.max(most, running);
        void work(either)
          .catch((error: unknown) => failed.abort(error))
          .finally(() => {
            done = true;
            running -= 1;
            settle();
          });
      }
    };
    watchers.add(fill);
    either.addEventListener("abort", settle, { once: true });
    fill();
    settle();
  }).finally(() => watchers.clear());
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return most;
}
