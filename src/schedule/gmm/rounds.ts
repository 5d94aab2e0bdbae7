/** What each round of a call takes: its lot of a device's entries, sorted by expert. */
import type { KernelPlan } from "../../plan/plan.ts";
import { type Job, localExperts } from "../../predict/job.ts";
import { NOBODY } from "../../predict/routing/sample.ts";

/** Entries that a round of a kernel has room for. */
export function entriesOf({ axes }: Pick<KernelPlan, "axes">): number {
  return axes.find(({ name }) => name === "entries")?.tile ?? Number.POSITIVE_INFINITY;
}

/**
 * The call's rounds, each as a call whose other entries are nobody's. All devices take as many as the one
 * with most entries, and at least one.
 *
 * @param room entries of a round
 */
export function roundsOf(job: Job, room: number): readonly Job[] {
  const { routing, ep } = job;
  const local = localExperts(job);
  const counts = new Int32Array(ep * local);
  for (const expert of routing.ids) if (expert !== NOBODY) count(counts, expert);
  // The place of each expert's first entry on its device.
  const places = new Int32Array(ep * local);
  let most = 0;
  for (let expert = 0; expert < counts.length; expert++) {
    const before = expert % local === 0 ? 0 : (places[expert - 1] ?? 0) + (counts[expert - 1] ?? 0);
    places[expert] = before;
    most = Math.max(most, before + (counts[expert] ?? 0));
  }
  const rounds = Math.max(1, Math.ceil(most / room));
  if (rounds === 1) return [job];
  const lots = [...routing.ids].map((expert) =>
    expert === NOBODY ? NOBODY : Math.floor(count(places, expert) / room),
  );
  return Array.from({ length: rounds }, (_, round) => {
    const ids = routing.ids.map((expert, entry) => (lots[entry] === round ? expert : NOBODY));
    return { ...job, routing: { ...routing, ids } };
  });
}

/** What was counted, and one more from now on. */
function count(counts: Int32Array, at: number): number {
  const before = counts[at] ?? 0;
  counts[at] = before + 1;
  return before;
}
