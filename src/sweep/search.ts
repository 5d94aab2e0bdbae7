/** Which candidate comes next; here: all of them, where they are few. */

import type { CompileTargetResult } from "../runner/types.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Derived } from "./derive.ts";
import { type Judged, judgeCandidate } from "./prepare.ts";
import type { CandidateId, SweepRecord } from "./record.ts";
import { candidatesOf, type Space } from "./space.ts";

/** Above so many candidates in all a search samples them. */
export const GRID_LIMIT = 200;
/** What a sampled search tries where no budget is given. */
export const SAMPLED = 200;

export interface Job {
  readonly judged: Judged;
  /** Its bundles are asked for, whether or not its record is known. */
  readonly counted: boolean;
  /** Must be called once, with what came out. */
  readonly tell: (record: SweepRecord, target?: CompileTargetResult) => Promise<void>;
}

/** A candidate that was not compiled, since others were better than the least that it can take. */
export interface Passed extends CandidateId, Derived {}

export interface Search {
  readonly kind: "grid" | "tpe" | "derived";
  /** Candidates that will be given out or passed over, as far as known. */
  readonly total: number;
  next(): Promise<Job | undefined>;
  /** Jobs that `next` has at hand, whatever comes of those that are under way. */
  ready(): number;
  /** Those passed over so far. */
  passed(): readonly Passed[];
  /** Not compiled, since the plan alone says that they are far slower. */
  pruned(): number;
  /** Nothing more is told: whoever waits in `next` gets nothing. */
  end(): void;
}

/** Of a search that hands out all candidates and waits for none. */
export const PLAIN = { passed: () => [], pruned: () => 0, end: () => {}, ready: () => 0 };

/** The quickest by the plan alone first, and before them those that it refuses. */
export const byGuess = (a: Judged, b: Judged): number =>
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
    ready: () => queue.length,
    next: async () => {
      const judged = queue.shift();
      if (judged === undefined) return undefined;
      return { judged, counted: false, tell: async () => {} };
    },
  };
}
