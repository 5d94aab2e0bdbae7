/**
 * The issue slots of a TensorCore: what a stage uses of each, and the cycles that this use takes at
 * least. Capacities are the compiler's own (`ScheduleProfile.machine`), the matrix unit's two apart.
 */
import type { ScheduleProfile } from "../runner/types.ts";
import type { DeviceFacts } from "../target/device/facts.ts";

export const SLOTS = [
  "matrix_issue",
  "matrix_multiply",
  "pop",
  "vector_alu",
  "eup",
  "xlu",
  "load",
  "store",
  "scalar",
] as const;

export type Slot = (typeof SLOTS)[number];

export const SLOT_MEANING: Readonly<Record<Slot, string>> = {
  matrix_issue: "instructions to the matrix units: weight pushes and row multiplies",
  matrix_multiply: "matrix units busy with rows",
  pop: "results taken from matrix, transcendental and cross-lane units",
  vector_alu: "vector arithmetic",
  eup: "transcendental functions",
  xlu: "cross-lane unit",
  load: "vector loads, copies waited for",
  store: "vector stores",
  scalar: "scalar unit, copies started",
};

/**
 * Matrix instructions in one bundle. Of the final bundles of kernels for v5e, v5p, v6e and v7x none
 * has more than two, whatever the kind; the compiler's file does not list this slot.
 */
const MATRIX_ISSUE = 2;
/** bfloat16 rows of one multiply instruction, and the part of the contraction it takes. */
const MULTIPLY_ROWS = 16;
const MULTIPLY_DEPTH = 128;

export type Uses = Readonly<Record<string, number>>;

/** Cycles that a matrix unit is busy with one bfloat16 multiply instruction. */
function multiplyCycles({ bf16Flops, clock, mxu }: DeviceFacts, units: number): number {
  // Whole rows a cycle from the peak rate, which is published rounded and of all the units.
  const rowsPerCycle = Math.round(bf16Flops / (2 * mxu.count * mxu.size ** 2 * clock));
  return (MULTIPLY_ROWS * MULTIPLY_DEPTH) / (mxu.size * rowsPerCycle * units);
}

export interface SlotUse {
  readonly slot: Slot;
  /** Instructions; for `matrix_multiply` unit cycles over all units. */
  readonly uses: number;
  /** Least cycles in which a core can do them. */
  readonly bound: number;
}

/** What every slot of a core needs for these uses; empty where the compiler gave no capacities. */
export function slotUses(
  uses: Uses,
  machine: ScheduleProfile["machine"],
  device: DeviceFacts,
): readonly SlotUse[] {
  if (machine === null) return [];
  const of = (name: string): number => uses[name] ?? 0;
  const issued = of("push") + of("multiply") + of("multiply_f32");
  // A float32 instruction carries half the rows.
  const multiplied = of("multiply") + of("multiply_f32") / 2;
  const busy = multiplied * multiplyCycles(device, machine.matrixUnits);
  return SLOTS.map((slot) => {
    if (slot === "matrix_issue") return { slot, uses: issued, bound: issued / MATRIX_ISSUE };
    if (slot === "matrix_multiply") return { slot, uses: busy * machine.matrixUnits, bound: busy };
    return { slot, uses: of(slot), bound: of(slot) / (machine.capacity[slot] ?? 1) };
  });
}
