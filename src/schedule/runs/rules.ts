/** What the schedule does not take of a bucket. */
import type { Schedule } from "../schedule.ts";

/** Rows lie in HBM with their sums alone, and those return as they are. */
export const refusesRows: Required<Schedule>["refusesRows"] = (rows, { wire }) => {
  if (rows !== "hbm with sums") return "the schedule runs";
  return wire?.combine === undefined ? undefined : "the schedule runs and sums of 8 bits";
};
