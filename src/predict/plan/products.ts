/** Products of a block's weight tiles. */
import type { Stage } from "../../plan/plan.ts";
import type { Here, Step } from "../step.ts";
import { type Read, trips, type Work } from "./work.ts";

/** What stands between them. */
export interface Amid {
  /** After how many of the weight tiles' trips. */
  readonly at: (here: Here) => number;
  readonly body: readonly Step[];
}

/** Trips before more than half of gate and up of the first columns of F are there; the template has the same. */
export function beyondHalf(
  kernel: Read,
  work: Work,
  stages: readonly Stage[],
  tiles: number,
): Amid["at"] {
  const experts = Math.max(trips(kernel, "expert"), 1e-9);
  const once = stages.filter(({ per }) => per === "weight tile");
  const activations = Math.max(1, Math.min(...once.map((one) => Math.round(one.trips / experts))));
  const operand = String(stages.find(({ rows }) => rows !== undefined)?.reads);
  const firsts = stages.filter(({ reads }) => String(reads) === operand);
  const of = (some: readonly Stage[], here: Here): number =>
    some.reduce((sum, stage) => sum + work.total(stage, here), 0);
  const done = Math.floor(tiles / activations / 2) + 1;
  return (here) => (done * of(firsts, here)) / Math.max(of(stages, here), 1e-9);
}

/** Products of one weight tile, of `cycles`; `amid` once for the block. */
export function productsOf(cycles: (here: Here) => number, amid: Amid): readonly Step[] {
  const stage = "feed-forward";
  if (amid.body.length === 0) return [{ do: "compute", stage, cycles }];
  const trip = (here: Here): number => here.trip("weight tile");
  const before = (here: Here): number => Math.min(1, Math.max(0, amid.at(here) - trip(here)));
  const test = (here: Here): boolean => trip(here) === Math.floor(amid.at(here));
  return [
    { do: "compute", stage, cycles: (here) => before(here) * cycles(here) },
    { do: "when", test, body: amid.body },
    { do: "compute", stage, cycles: (here) => (1 - before(here)) * cycles(here) },
  ];
}
