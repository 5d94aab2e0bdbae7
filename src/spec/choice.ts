/** Values that a spec fixes, sweeps, or leaves to the plan. */

/**
 * A value the user fixes, a set of values to sweep (first one is built), or `auto`:
 * the largest legal value that fits VMEM.
 */
export type Choice = number | ChoiceSet | Auto;
export interface ChoiceSet {
  readonly kind: "choices";
  readonly values: readonly [number, ...number[]];
}
export interface Auto {
  readonly kind: "auto";
}

/** A set of values to sweep; the first is the one that `build` takes. */
export function choices(first: number, second: number, ...rest: number[]): ChoiceSet {
  return { kind: "choices", values: [first, second, ...rest] };
}

/**
 * The largest legal tile that fits VMEM on each device, chosen for the axes of one bucket together:
 * `bd` as large as possible first, then `bf`, then `bt` (why: see `src/lower/tiles.ts`).
 */
export const auto: Auto = Object.freeze({ kind: "auto" });

/** Whether a value is a set to sweep. */
export function isChoices(choice: unknown): choice is ChoiceSet {
  return isKind(choice, "choices") && Array.isArray((choice as { values?: unknown }).values);
}

/** Whether a value is left to the plan. */
export function isAuto(choice: unknown): choice is Auto {
  return isKind(choice, "auto");
}

function isKind(choice: unknown, kind: string): boolean {
  return (
    typeof choice === "object" && choice !== null && (choice as { kind?: unknown }).kind === kind
  );
}

/** Every number a choice may become; none for `auto`. */
export function members(choice: Choice): readonly number[] {
  if (typeof choice === "number") return [choice];
  return choice.kind === "choices" ? choice.values : [];
}
