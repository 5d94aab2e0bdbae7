/** How near results of cases come to the most that rounding may cost. */
import type { CaseResult } from "./types.ts";

/** Largest share of a limit among cases that have one. */
export function shareOfLimit(cases: readonly CaseResult[]): number | null {
  const shares = cases.map(({ ofLimit }) => (ofLimit === undefined ? 0 : ofLimit));
  return shares.includes(null) ? null : Math.max(0, ...(shares as readonly number[]));
}
