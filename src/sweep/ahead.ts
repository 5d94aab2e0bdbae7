/** A worker that always has its next job at hand, so that it does not wait for what is between two. */

export interface Queue<Job> {
  /** The next; undefined: there is none any more. */
  readonly next: () => Promise<Job | undefined>;
  /** Enough is left that nobody will miss a job which waits here for its turn. */
  readonly plenty: () => boolean;
}

/** One that runs and one behind it. */
const MOST = 2;

/**
 * Does all jobs of the queue, the next one begun before the last has ended where there are plenty.
 * Throws what the first throws that fails, after what had begun has ended; begins none after it.
 */
export async function keepBusy<Job>(
  { next, plenty }: Queue<Job>,
  work: (job: Job) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  const begin = (job: Job): void => {
    const begun = work(job)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => running.delete(begun));
    running.add(begun);
  };
  while (failed === undefined) {
    if (running.size >= MOST || (running.size > 0 && !plenty())) {
      await Promise.race(running);
      continue;
    }
    const job = await next();
    if (job === undefined) break;
    begin(job);
  }
  await Promise.all(running);
  if (failed !== undefined) throw failed.error;
}
