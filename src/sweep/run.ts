/** The sweep: warm workers on all cores, one candidate at a time each, records as they come. */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Estimator, estimate } from "../profile/estimate.ts";
import { type CompileCache, withWorker } from "../runner/index.ts";
import type { RunnerOptions } from "../runner/types.ts";
import { scheduleOf } from "../schedule/registry.ts";
import { defined } from "../spec/defined.ts";
import { devicesOf } from "../spec/mesh.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { keepBusy } from "./ahead.ts";
import { Budget } from "./budget.ts";
import { type Crew, ownCrew } from "./crew.ts";
import { type Evaluated, evaluate, kindOf, messageOf, type Workplace } from "./evaluate.ts";
import { narrowSearch } from "./narrow.ts";
import { droppedAs, type FailureKind, type SweepRecord } from "./record.ts";
import { tpeSearch } from "./sampled.ts";
import {
  GRID_LIMIT,
  gridSearch,
  type Job,
  type Passed,
  PLAIN,
  SAMPLED,
  type Search,
} from "./search.ts";
import { sizeOf, spacesOf, type TileSets } from "./space.ts";
import type { Store } from "./store.ts";

/** Of a worker's processor time: the slowest kernels take some two minutes to compile. */
const CANDIDATE_SECONDS = 600;

/** Jobs a worker, of which one may wait behind another that takes long or hangs. */
const PLENTY = 8;

/** What searches of one store know together, beside its records. */
const JOURNAL = "search.journal";

export interface SweepOptions extends RunnerOptions {
  readonly tiles: TileSets;
  readonly devices: readonly string[];
  readonly buckets?: readonly string[];
  /** Besides the spec's tiles, the legal ones next to them. */
  readonly neighbours?: boolean;
  /** Compile every candidate of a grid, those too that others tell of. */
  readonly exhaustive?: boolean;
  /** Of each bucket and device, so many of the best are compiled at least; absent: one. */
  readonly keep?: number;
  /** Ends what runs when it is spent; absent: without an end. */
  readonly budget?: Budget;
  /** Workers; absent: one a core. */
  readonly jobs?: number;
  readonly seed?: number;
  /** Of what was compiled before. */
  readonly cache?: CompileCache;
  readonly estimator?: Estimator;
  /** What records call the spec: of several schedules with the kind. Absent: its name. */
  readonly label?: string;
  /** Where the workers are; absent: on this machine. */
  readonly crew?: Crew;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Of `done`, those that the store had. */
  readonly known: number;
  /** Of `done`, those that were not compiled, since others were better by what was derived. */
  readonly passed: number;
  /** Compiled and profiled in this run. */
  readonly compiled: number;
  readonly seconds: number;
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
}

export type SweepEvent =
  | { readonly event: "start"; readonly search: Search["kind"]; readonly total: number }
  | { readonly event: "record"; readonly record: SweepRecord; readonly progress: Progress };

export interface SweepResult {
  readonly search: Search["kind"];
  readonly candidates: number;
  readonly records: readonly SweepRecord[];
  /** Not compiled: others were better by what was derived. */
  readonly passed: readonly Passed[];
  /** Of a sampled search: not compiled, since the plan alone says that they are far slower. */
  readonly pruned: number;
  readonly progress: Progress;
  readonly workers: number;
  /** The budget ended the sweep. */
  readonly stopped: boolean;
  /** Candidates of a grid that the budget did not reach. */
  readonly left: number;
}

/**
 * Evaluates all candidates up to `GRID_LIMIT`, else samples them; the store's are not evaluated
 * again. A candidate that fails is a record. Throws where the user interrupts, and StoreError for a
 * store of a newer moegen.
 */
export async function sweepSpec(
  spec: MoeSpec,
  store: Store,
  options: SweepOptions,
  onEvent: (event: SweepEvent) => void = () => {},
): Promise<SweepResult> {
  const spaces = spacesOf(spec, scheduleOf(spec.schedule.kind), options);
  const candidates = spaces.reduce((sum, space) => sum + sizeOf(space), 0);
  if (candidates <= GRID_LIMIT) {
    const { exhaustive = false, estimator = estimate, keep = 1 } = options;
    const search = exhaustive
      ? gridSearch(spec, spaces)
      : narrowSearch(spec, spaces, { estimator, keep });
    return run(spec, store, search, candidates, options, onEvent);
  }
  const { budget = new Budget(undefined, options.signal) } = options;
  // Without a budget a sampled search needs an end.
  const limit = budget.limited ? Number.POSITIVE_INFINITY : SAMPLED;
  const swept = await budget.within((signal) =>
    withWorker({ ...options, signal, ep: 1 }, async (searcher) => {
      const search = await tpeSearch(searcher, spec, spaces, {
        ...{ limit, seed: options.seed ?? 0, journal: join(resolve(store.folder), JOURNAL) },
      });
      return run(spec, store, search, candidates, { ...options, budget }, onEvent);
    }),
  );
  return swept ?? run(spec, store, nothing("tpe"), candidates, { ...options, budget }, onEvent);
}

/** A search that the budget did not let begin. */
function nothing(kind: Search["kind"]): Search {
  return { kind, total: 0, next: async () => undefined, ...PLAIN };
}

async function run(
  spec: MoeSpec,
  store: Store,
  search: Search,
  candidates: number,
  options: SweepOptions,
  onEvent: (event: SweepEvent) => void,
): Promise<SweepResult> {
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const records: SweepRecord[] = [];
  const failures: Partial<Record<FailureKind, number>> = {};
  let [known, compiled] = [0, 0];
  const progress = (passed = search.passed().length): Progress => ({
    ...{ done: records.length + passed, total: search.total, known, compiled, passed },
    ...{ seconds: elapsed(), failures: { ...failures } },
  });
  const { estimator = estimate, timeout = CANDIDATE_SECONDS, cache } = options;
  const { budget = new Budget(undefined, options.signal) } = options;
  onEvent({ event: "start", search: search.kind, total: search.total });

  const finish = async (
    job: Job,
    { record: found, known: stored, target }: Evaluated,
  ): Promise<void> => {
    let record = found;
    if (stored) known += 1;
    else {
      try {
        store.append(found);
      } catch (error) {
        // The figures are lost to the next sweep, so the candidate counts as failed.
        record = droppedAs(found, {
          ...{ kind: kindOf(error), reason: messageOf(error), stage: "profile" },
        });
      }
    }
    if (record.status === "dropped") failures[record.kind] = (failures[record.kind] ?? 0) + 1;
    records.push(record);
    await job.tell(record, target);
    onEvent({ event: "record", record, progress: progress() });
  };

  // One at a time: a search is a conversation.
  let asking: Promise<unknown> = Promise.resolve();
  const next = (): Promise<Job | undefined> => {
    const asked = asking.then(() => (budget.spent ? undefined : search.next()));
    asking = asked.catch(() => {});
    return asked;
  };
  let stations = 0;
  // Near the end a job waits for no one: whichever worker is free takes it.
  const plenty = (): boolean => search.ready() >= PLENTY * stations;
  const work = async (station: Workplace): Promise<void> => {
    stations += 1;
    let free = performance.now();
    const limits = { estimator, timeout, signal: budget.signal, ...defined({ cache }) };
    try {
      await keepBusy({ next, plenty }, async (job) => {
        const { judged, counted } = job;
        const from = (): number => free;
        const asked = { ...limits, counted, from };
        const evaluated = await evaluate(judged, options.label ?? spec.name, store, station, asked);
        free = performance.now();
        if (!evaluated.known && judged.prepared !== undefined) compiled += 1;
        await finish(job, evaluated);
      });
    } catch (error) {
      search.end();
      throw error;
    } finally {
      stations -= 1;
    }
  };
  const end = (): void => search.end();
  budget.signal.addEventListener("abort", end, { once: true });
  const own = options.crew === undefined ? availableParallelism() : Number.POSITIVE_INFINITY;
  const wanted = options.jobs ?? own;
  const most = Math.max(1, Math.min(wanted, search.total));
  const ep = devicesOf(spec.mesh);
  const { crew = ownCrew(options) } = options;
  let workers = 0;
  await budget.within(async (signal) => {
    workers = await crew({ ep, most, signal }, work);
  });
  budget.signal.removeEventListener("abort", end);
  const passed = search.passed();
  const left = search.kind === "tpe" ? 0 : search.total - records.length - passed.length;
  const stopped = budget.spent && (left > 0 || search.kind === "tpe");
  const { kind } = search;
  const ended = { pruned: search.pruned(), progress: progress(), workers, stopped, left };
  return { search: kind, candidates, records, passed, ...ended };
}
