/** Optuna itself, asked by two searches of one store; nothing is compiled: times are made up. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { withWorker } from "../../src/runner/index.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import type { SweepRecord } from "../../src/sweep/record.ts";
import { tpeSearch } from "../../src/sweep/sampled.ts";
import type { Job, Search } from "../../src/sweep/search.ts";
import { spacesOf } from "../../src/sweep/space.ts";
import { emptyFolder, qwen } from "../cli/moegen.ts";
import { measured } from "./records.ts";

const { spec } = await loadSpec(qwen);
const spaces = spacesOf(spec, scheduleOf(spec.schedule.kind), {
  tiles: { bt: Array.from({ length: 32 }, (_, at) => 16 * (at + 1)), bf: [128, 256, 384, 768] },
  ...{ devices: ["v6e"], buckets: ["prefill"] },
});

/** As the plan guesses, so it is; what the plan refuses has failed. */
function answer({ judged }: Job): SweepRecord {
  const record = measured(1e6 * (judged.prepared?.guess ?? 1), judged.id.tiles);
  if (judged.prepared !== undefined) return record;
  const { status: _, ...rest } = record;
  return { ...rest, status: "dropped", stage: "vmem", kind: "vmem", reason: "" };
}

/** Takes so many, and tells what they are. */
async function take(search: Search, most = Number.POSITIVE_INFINITY): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  while (jobs.length < most) {
    const job = await search.next();
    if (job === undefined) break;
    await job.tell(answer(job));
    jobs.push(job);
  }
  return jobs;
}

const tilesOf = (jobs: readonly Job[]) => jobs.map(({ judged }) => JSON.stringify(judged.id.tiles));

it("a sampled search is the store's: two share what they try, and their limit", async () => {
  const options = { limit: 16, seed: 0, journal: join(emptyFolder(), "s", "j") };
  await withWorker({ ep: 1 }, (mine) =>
    withWorker({ ep: 1 }, async (other) => {
      const [one, two] = [
        await tpeSearch(mine, spec, spaces, options),
        await tpeSearch(other, spec, spaces, options),
      ];
      const early = tilesOf(await take(one, 6));
      const second = tilesOf(await take(two));
      // What the first had tried comes first, for its records; then the rest.
      expect(second.slice(0, 6).sort()).toEqual([...early].sort());
      expect(new Set(second).size).toBe(16);
      const late = tilesOf(await take(one));
      expect([...early, ...late].sort()).toEqual([...second].sort());
    }),
  );
});

it("gives out nothing that the plan alone says is far slower than the best", async () => {
  const options = { limit: 40, seed: 0, journal: join(emptyFolder(), "s", "j") };
  await withWorker({ ep: 1 }, async (worker) => {
    const search = await tpeSearch(worker, spec, spaces, options);
    const jobs = await take(search);
    const guesses = jobs.map(({ judged }) => judged.prepared?.guess ?? 0);
    const best = Math.min(...guesses.filter((guess) => guess > 0));
    expect(jobs).toHaveLength(40);
    // The best guesses are tried first, so that all others meet the rule.
    expect(Math.max(...guesses)).toBeLessThanOrEqual(1.5 * best);
    expect(search.pruned()).toBeGreaterThan(0);
  });
});
