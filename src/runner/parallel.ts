/** Several workers at once, as one. */

/**
 * Runs `count` works side by side. If one fails the others are aborted and all are waited for, so
 * that nothing outlives the call; then it throws that failure, or the reason of `signal`.
 */
export async function inParallel(
  count: number,
  signal: AbortSignal | undefined,
  work: (index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const works = Array.from({ length: count }, (_, index) =>
    work(index, either).catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(works);
  signal?.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
}
