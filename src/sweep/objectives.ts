/** Which candidates may still win: on a device, or over all devices of a bucket. */

import type { Derived } from "./derive.ts";
import type { Judged, Prepared } from "./prepare.ts";
import type { SweepRecord } from "./record.ts";
import { groupBy, isMeasured, SAME } from "./winners.ts";

/** Of each bucket and device: the best, which are tried further where something comes after the compiler. */
export const FINALISTS = 4;

export interface Choosing {
  /** Of each bucket and device, so many of the best are compiled at least. */
  readonly keep: number;
}

/** One that may win, and what is known of it. */
export interface Candidate {
  readonly judged: Judged;
  readonly prepared: Prepared;
  /** At least so long, by what is known of others. */
  derived: Derived;
  record?: SweepRecord;
  /** A compiler has been asked. */
  given: boolean;
}

/** The same tiles on one device or on several: their times, known or derived. */
interface Option {
  readonly on: readonly Candidate[];
  /** Sum of the logarithms of their seconds. */
  readonly score: number;
  readonly cycles: number;
  /** Compiled on all of them. */
  readonly compiled: boolean;
}

/** The best of what is not compiled: as long as there are any, the winners are not known. */
export function closest(
  candidates: readonly Candidate[],
  { keep }: Choosing,
): readonly Candidate[] {
  const wanted = (among: readonly Candidate[]): readonly Candidate[] =>
    contests(among).flatMap((options) => next(options, keep));
  const free = wanted(candidates);
  if (free.length > 0) return fresh(free);
  // Weights come in tiles in all buckets or in none.
  const [resident, streamed] = [false, true].map((kind) =>
    candidates.filter(({ prepared }) => prepared.kernel.tiles.streamed === kind),
  );
  if (!isMixed(candidates) || resident === undefined || streamed === undefined) return [];
  // Whole experts at a time win wherever every bucket can have them so.
  const whole = bucketsOf(resident) >= bucketsOf(streamed);
  return fresh(wanted(whole ? resident : streamed));
}

/** Buckets that have a candidate which was not dropped. */
function bucketsOf(candidates: readonly Candidate[]): number {
  const left = candidates.filter((candidate) => optionOf([candidate]).length > 0);
  return new Set(left.map(({ judged }) => judged.id.bucket)).size;
}

function fresh(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...new Set(candidates)].filter(({ given }) => !given);
}

/** Whether the best of some buckets have their weights in tiles and those of others have not. */
function isMixed(candidates: readonly Candidate[]): boolean {
  const best = contests(candidates).flatMap((options) => [...options].sort(better).slice(0, 1));
  const kinds = best.flatMap(({ on }) => on.map(({ prepared }) => prepared.kernel.tiles.streamed));
  return new Set(kinds).size > 1;
}

/** Options that compete: of each bucket on each device, and of each bucket on all of its devices. */
function contests(candidates: readonly Candidate[]): readonly (readonly Option[])[] {
  const buckets = groupBy(candidates, ({ judged }) => judged.id.bucket);
  return [...buckets.values()].flatMap((bucket) => {
    const devices = [...groupBy(bucket, ({ judged }) => judged.id.device).values()];
    const alone = devices.map((members) => members.flatMap((member) => optionOf([member])));
    if (devices.length === 1) return alone;
    const sets = groupBy(bucket, ({ judged }) => JSON.stringify(judged.id.tiles));
    const everywhere = [...sets.values()].filter((on) => on.length === devices.length);
    return [...alone, everywhere.flatMap(optionOf)];
  });
}

/** None where one of them was dropped. */
function optionOf(on: readonly Candidate[]): readonly Option[] {
  const known = on.flatMap(({ record, derived }) => {
    if (record === undefined) return [derived];
    return isMeasured(record) ? [{ seconds: record.estimate.seconds, cycles: record.cycles }] : [];
  });
  if (known.length < on.length) return [];
  return [
    {
      on,
      score: known.reduce((sum, { seconds }) => sum + Math.log(seconds), 0),
      cycles: known.reduce((sum, { cycles }) => sum + cycles, 0),
      compiled: on.every(({ record }) => record !== undefined),
    },
  ];
}

/** Of one contest: those of the best that are not compiled. */
function next(options: readonly Option[], keep: number): readonly Candidate[] {
  const best = [...options].sort(better).slice(0, keep);
  return best.filter(({ compiled }) => !compiled).flatMap(({ on }) => on);
}

function better(a: Option, b: Option): number {
  return Math.abs(a.score - b.score) > SAME ? a.score - b.score : a.cycles - b.cycles;
}
