/** Candidates of a sweep that were dropped. */
import type { SweepRecord } from "../../sweep/record.ts";

/** How many there are, by the stage that dropped them. */
export function droppedByStage(records: readonly SweepRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const record of records) {
    if (record.status === "dropped") counts[record.stage] = (counts[record.stage] ?? 0) + 1;
  }
  return counts;
}
