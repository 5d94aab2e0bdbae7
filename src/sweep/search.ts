/** Which candidate comes next: of all where they are few, of Optuna's TPE where they are not. */

import type { LocalWorker } from "../runner/index.ts";
import type { CompileTargetResult } from "../runner/types.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Derived } from "./derive.ts";
import { type Judged, judgeCandidate } from "./prepare.ts";
import type { CandidateId, SweepRecord, Tiles } from "./record.ts";
import { candidatesOf, type Space, sizeOf } from "./space.ts";

/** Above so many candidates in all a search samples them. */
export const GRID_LIMIT = 200;
/** What a sampled search tries where no budget is given. */
export const SAMPLED = 200;
/** Of each space, the best by the plan alone are tried before any is sampled. */
const FIRST = 8;
/** Of a huge space, so many evenly spread candidates are guessed. */
const GUESSED = 2000;
/** TPE may ask again for what it knows; then it has nothing better to say. */
const MOST_REPEATS = 50;

export interface Job {
  readonly judged: Judged;
  /** Its bundles are asked for, whether or not its record is known. */
  readonly counted: boolean;
  /** Not so: it may not win, others follow from it. */
  readonly candidate: boolean;
  /** Must be called once, with what came out. */
  readonly tell: (record: SweepRecord, target?: CompileTargetResult) => Promise<void>;
}

/** A candidate that was not compiled, since others were better by what was derived. */
export interface Passed extends CandidateId, Derived {}

export interface Search {
  readonly kind: "grid" | "tpe" | "derived";
  /** Candidates that will be given out or passed over, as far as known. */
  readonly total: number;
  next(): Promise<Job | undefined>;
  /** Those passed over so far. */
  passed(): readonly Passed[];
  /** Nothing more is told: whoever waits in `next` gets nothing. */
  end(): void;
}

/** Of a search that hands out all candidates and waits for none. */
export const PLAIN = { passed: () => [], end: () => {} };

const byGuess = (a: Judged, b: Judged): number =>
  (a.prepared?.guess ?? -1) - (b.prepared?.guess ?? -1);

/** Those that the plan alone refuses come first: they cost nothing. */
export function gridSearch(spec: MoeSpec, spaces: readonly Space[]): Search {
  const queue = spaces.flatMap(candidatesOf).map((id) => judgeCandidate(spec, id));
  queue.sort(byGuess);
  const total = queue.length;
  return {
    kind: "grid",
    ...PLAIN,
    total,
    next: async () => {
      const judged = queue.shift();
      if (judged === undefined) return undefined;
      return { judged, counted: false, candidate: true, tell: async () => {} };
    },
  };
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

interface Study {
  readonly name: string;
  readonly space: Space;
  repeats: number;
  readonly seen: Map<string, SweepRecord | undefined>;
}

/** One study a space, asked in turn; `worker` runs Optuna and compiles nothing. */
export async function tpeSearch(
  { worker }: Pick<LocalWorker, "worker">,
  spec: MoeSpec,
  spaces: readonly Space[],
  limit: number,
  seed: number,
): Promise<Search> {
  const studies: Study[] = [];
  for (const space of spaces) {
    const name = `${space.bucket} ${space.device}`;
    const first = bestGuesses(spec, space);
    await worker.request("search", { action: "open", study: name, axes: space.axes, seed, first });
    studies.push({ name, space, repeats: 0, seen: new Map() });
  }
  const total = Math.min(
    limit,
    spaces.reduce((sum, space) => sum + sizeOf(space), 0),
  );
  let given = 0;
  let turn = 0;
  const tell = async (study: Study, trial: number, record?: SweepRecord): Promise<void> => {
    const seconds = record?.status === "ok" ? record.estimate.seconds : null;
    await worker.request("search", { action: "tell", study: study.name, trial, seconds });
  };
  const ask = async (study: Study): Promise<Job | undefined> => {
    while (study.repeats < MOST_REPEATS) {
      const asked = await worker.request<{ trial: number; tiles: Tiles }>("search", {
        action: "ask",
        study: study.name,
      });
      const key = JSON.stringify(asked.tiles);
      if (study.seen.has(key)) {
        study.repeats += 1;
        await tell(study, asked.trial, study.seen.get(key));
        continue;
      }
      study.seen.set(key, undefined);
      const { bucket, device, spec: bucketSpec } = study.space;
      const id: CandidateId = { bucket, device, tokens: bucketSpec.upTo, tiles: asked.tiles };
      return {
        judged: judgeCandidate(spec, id),
        counted: false,
        candidate: true,
        tell: async (record) => {
          study.seen.set(key, record);
          await tell(study, asked.trial, record);
        },
      };
    }
    return undefined;
  };
  return {
    kind: "tpe",
    ...PLAIN,
    total,
    next: async () => {
      if (given >= limit) return undefined;
      for (let tried = 0; tried < studies.length; tried++) {
        const study = studies[turn++ % studies.length];
        const job = study === undefined ? undefined : await ask(study);
        if (job === undefined) continue;
        given += 1;
        return job;
      }
      return undefined;
    },
  };
}
