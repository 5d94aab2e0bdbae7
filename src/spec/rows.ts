/** Specs that leave the place of token rows to the plan. */
import type { BucketRows, BucketSpec } from "./schedule.ts";
import type { MoeSpec } from "./spec.ts";

/** Whether a bucket leaves it to the plan. Others may be of any shape: their findings stand elsewhere. */
export function leavesRows({ schedule }: Pick<MoeSpec, "schedule">): boolean {
  return Object.values(schedule.tiles ?? {}).some((bucket) => bucket?.rows === "auto");
}

/** The spec with all rows in one place. */
export function withRows(spec: MoeSpec, rows: BucketRows): MoeSpec {
  const tiles = Object.entries(spec.schedule.tiles).map(
    ([name, bucket]) => [name, { ...bucket, rows }] as const,
  );
  return { ...spec, schedule: { ...spec.schedule, tiles: Object.fromEntries(tiles) } };
}

/** The spec with rows where its plan has them, of a bucket that leaves it to the plan. */
export function withRowsOf(spec: MoeSpec, rows: BucketRows = "vmem"): MoeSpec {
  return leavesRows(spec) ? withRows(spec, rows) : spec;
}

/** Where a bucket's rows lie. Throws RangeError where nobody has chosen yet. */
export function rowsOf({ rows }: BucketSpec): BucketRows | undefined {
  if (rows === "auto") throw new RangeError("where rows lie is not chosen yet");
  return rows;
}
