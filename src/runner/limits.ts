/** How near results of cases come to the most that rounding may cost. */

import { isUndecided } from "../validate/undecided.ts";
import type { CaseResult } from "./types.ts";

/** Those that have a verdict: what was not found out has no error. */
function judged(cases: readonly CaseResult[]): readonly CaseResult[] {
  return cases.filter(({ failure }) => !isUndecided(failure?.kind));
}

/** Largest error among cases with a verdict; null where one is not finite, or none has a verdict. */
export function worstErrorOf(cases: readonly CaseResult[]): number | null {
  const errors = judged(cases).map(({ error }) => error);
  return errors.includes(null) || errors.length === 0
    ? null
    : Math.max(0, ...(errors as readonly number[]));
}

/** Largest share of a limit among cases that have one. */
export function shareOfLimit(cases: readonly CaseResult[]): number | null {
  const shares = judged(cases).map(({ ofLimit }) => (ofLimit === undefined ? 0 : ofLimit));
  return shares.includes(null) ? null : Math.max(0, ...(shares as readonly number[]));
}
