/**
 * Optuna's TPE over a space that is too large for all of it: one study a space, kept in the store's
 * folder and shared by all that search there. What the plan alone says is far slower is not compiled.
 */

import { createHash } from "node:crypto";
import type { LocalWorker } from "../runner/index.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { type Judged, judgeCandidate } from "./prepare.ts";
import { STORE_SCHEMA, type SweepRecord, type Tiles } from "./record.ts";
import { byGuess, type Job, type Passed, type Search } from "./search.ts";
import { candidatesOf, type Space, sizeOf } from "./space.ts";

/** Of each space, the best by the plan alone are tried before any is sampled. */
const FIRST = 8;
/** Of a huge space, so many evenly spread candidates are guessed. */
const GUESSED = 2000;
/** TPE may ask again for what it knows; then it has nothing better to say. */
const MOST_REPEATS = 50;
/**
 * A guess so many times the best predicted time is not compiled: of 128 candidates of Qwen3-30B on v6e the
 * 18 that this leaves out were predicted to take 1.05 times the best and more.
 */
const HOPELESS = 1.5;

interface Study {
  readonly name: string;
  readonly space: Space;
  repeats: number;
  /** Seconds of the best that was compiled. */
  best: number;
  /** Tiles → their record, once there is one. */
  readonly seen: Map<string, SweepRecord | undefined>;
  /** Tried by another search, or at another time: their records are wanted too. */
  readonly others: Tiles[];
}

interface Asked {
  readonly trial: number;
  readonly tiles: Tiles;
}

interface Tried {
  readonly tiles: readonly Tiles[];
  readonly running: number;
}

export interface SampledOptions {
  /** Candidates that are compiled, by all searches of the store together. */
  readonly limit: number;
  readonly seed: number;
  /** What the searches share. */
  readonly journal: string;
}

/** `worker` runs Optuna and compiles nothing. Its requests throw WorkerError, "STORAGE" for the journal. */
export async function tpeSearch(
  { worker }: Pick<LocalWorker, "worker">,
  spec: MoeSpec,
  spaces: readonly Space[],
  { limit, seed, journal }: SampledOptions,
): Promise<Search> {
  const search = new Sampled(worker, spec, spaces, limit);
  await search.open(seed, journal);
  return search;
}

class Sampled implements Search {
  readonly kind = "tpe";
  readonly total: number;
  private readonly worker: LocalWorker["worker"];
  private readonly spec: MoeSpec;
  private readonly limit: number;
  private readonly studies: readonly Study[];
  private turn = 0;
  private hopeless = 0;

  constructor(
    worker: LocalWorker["worker"],
    spec: MoeSpec,
    spaces: readonly Space[],
    limit: number,
  ) {
    this.worker = worker;
    this.spec = spec;
    this.limit = limit;
    this.studies = spaces.map((space) => ({
      name: nameOf(spec, space),
      space,
      ...{ repeats: 0, best: Number.POSITIVE_INFINITY, seen: new Map(), others: [] },
    }));
    const size = spaces.reduce((sum, space) => sum + sizeOf(space), 0);
    this.total = Math.min(limit, size);
  }

  async open(seed: number, journal: string): Promise<void> {
    for (const study of this.studies) {
      const { space } = study;
      const first = bestGuesses(this.spec, space);
      await this.request("open", study, { axes: space.axes, seed, first, journal });
    }
  }

  passed(): readonly Passed[] {
    return [];
  }

  pruned(): number {
    return this.hopeless;
  }

  ready(): number {
    // Each answer tells it what to ask for next.
    return 0;
  }

  end(): void {
    // Nobody waits in `next`.
  }

  async next(): Promise<Job | undefined> {
    const count = await this.tried();
    for (const study of this.studies) {
      const tiles = study.others.shift();
      if (tiles !== undefined) return this.job(study, tiles);
    }
    if (count >= this.limit) return undefined;
    for (let asked = 0; asked < this.studies.length; asked++) {
      const study = this.studies[this.turn++ % this.studies.length];
      const job = study === undefined ? undefined : await this.ask(study);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  private request<T>(action: string, { name }: Study, params: object = {}): Promise<T> {
    return this.worker.request<T>("search", { action, study: name, ...params });
  }

  /** How many were tried so far by all; what others finished is put in line for its record. */
  private async tried(): Promise<number> {
    let count = 0;
    for (const study of this.studies) {
      const { tiles, running } = await this.request<Tried>("tried", study);
      count += tiles.length + running;
      const fresh = tiles.filter((each) => !study.seen.has(keyOf(each)));
      for (const each of fresh) study.seen.set(keyOf(each), undefined);
      study.others.push(...fresh);
    }
    return count;
  }

  private async ask(study: Study): Promise<Job | undefined> {
    while (study.repeats < MOST_REPEATS) {
      const { trial, tiles } = await this.request<Asked>("ask", study);
      const key = keyOf(tiles);
      if (study.seen.has(key)) {
        study.repeats += 1;
        const known = study.seen.get(key);
        const seconds = known?.status === "ok" ? known.estimate.seconds : null;
        // Not yet known is no failure.
        await this.request("tell", study, { trial, seconds, pruned: known === undefined });
        continue;
      }
      study.seen.set(key, undefined);
      const guess = this.judge(study, tiles).prepared?.guess ?? 0;
      if (guess <= HOPELESS * study.best) return this.job(study, tiles, trial);
      this.hopeless += 1;
      await this.request("tell", study, { trial, seconds: guess, pruned: true });
    }
    return undefined;
  }

  private judge({ space }: Study, tiles: Tiles): Judged {
    const { bucket, device, spec } = space;
    return judgeCandidate(this.spec, { bucket, device, tokens: spec.upTo, tiles });
  }

  /** `trial`: what the study hears of; absent: it has heard of it already. */
  private job(study: Study, tiles: Tiles, trial?: number): Job {
    return {
      ...{ judged: this.judge(study, tiles), counted: false },
      tell: async (record) => {
        study.seen.set(keyOf(tiles), record);
        const seconds = record.status === "ok" ? record.estimate.seconds : null;
        study.best = Math.min(study.best, seconds ?? study.best);
        if (trial !== undefined) await this.request("tell", study, { trial, seconds });
      },
    };
  }
}

const keyOf = ({ bt, bf, bd }: Tiles): string => `${bt} ${bf} ${bd}`;

/** One name for the same question: of a layer, its mesh, a bucket, a device and the tiles that are in it. */
function nameOf({ layer, mesh, schedule, name }: MoeSpec, space: Space): string {
  const asked = [STORE_SCHEMA, layer, mesh, schedule, space.axes];
  const hash = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
  return `${name} ${space.bucket} ${space.device} ${hash.slice(0, 16)}`;
}

function bestGuesses(spec: MoeSpec, space: Space): readonly Tiles[] {
  const all = candidatesOf(space);
  const step = Math.max(1, Math.ceil(all.length / GUESSED));
  return all
    .filter((_, index) => index % step === 0)
    .map((id) => judgeCandidate(spec, id))
    .filter(({ prepared }) => prepared !== undefined)
    .sort(byGuess)
    .slice(0, FIRST)
    .map(({ id }) => id.tiles);
}
