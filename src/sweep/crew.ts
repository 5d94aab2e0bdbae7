/** Who does the work of a sweep: workers of this machine, or of a cluster. */
import { inParallel, withWorker } from "../runner/index.ts";
import type { RunnerOptions } from "../runner/types.ts";
import type { Workplace } from "./evaluate.ts";

/** Runs the work on at most so many workers at once; resolves to how many there were. */
export type Crew = (
  of: {
    readonly ep: number;
    readonly most: number;
    readonly signal: AbortSignal;
    /** What they compile is to run: the compiler is not asked for its schedule. */
    readonly runs?: boolean;
  },
  work: (station: Workplace) => Promise<void>,
) => Promise<number>;

/** Workers of this machine, as many as asked for. */
export function ownCrew(options: RunnerOptions): Crew {
  return async ({ ep, most, signal }, work) => {
    await inParallel(most, signal, (_, either) =>
      withWorker({ ...options, signal: either, ep }, work),
    );
    return most;
  };
}
