import type { Stage } from "../../plan/plan.ts";

/** A stage with what is usually empty left out. */
export type Draft = Pick<Stage, "name" | "meaning" | "reads" | "writes" | "per" | "trips"> &
  Partial<Pick<Stage, "waits" | "starts" | "flops" | "overlaps" | "rows" | "barrier">>;
