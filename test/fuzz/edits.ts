/** Small changes to a value, as a slip of the hand makes them: anywhere in it. */
import fc from "fast-check";
import { FromConfig } from "./from-config.ts";
import { anything } from "./wild.ts";

type Step = string | number;

/** A change of the place that `at` picks among all places there are. */
export interface Edit {
  readonly at: number;
  readonly change: (value: unknown) => unknown;
}

/** The place is taken out. */
const GONE = Symbol("gone");
/** The place is there under a name that nobody knows. */
const RENAMED = Symbol("renamed");

const NUMBERS = [0, -1, 0.5, 1, 127, 129, 2 ** 31, 1e300, Number.NaN];

const changes: fc.Arbitrary<(value: unknown) => unknown> = fc.oneof(
  fc.constantFrom<(value: unknown) => unknown>(
    () => GONE,
    () => RENAMED,
    (value) => (typeof value === "number" ? value + 1 : value),
    (value) => (typeof value === "number" ? value * 2 : [value]),
    (value) => (typeof value === "number" ? value / 2 : "text"),
    (value) => (Array.isArray(value) ? [...value, ...value] : { value }),
    (value) => (typeof value === "string" ? value.toUpperCase() : undefined),
  ),
  fc.constantFrom(...NUMBERS).map((value) => () => value),
  anything.map((value) => () => value),
);

export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({ at: fc.nat(), change: changes }),
  { minLength: 1, maxLength: 3 },
);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of all that lies below a value. */
function placesIn(value: unknown): readonly (readonly Step[])[] {
  if (!Array.isArray(value) && !isRecord(value)) return [];
  const steps: readonly Step[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return steps.flatMap((step) => [
    [step],
    ...placesIn(Reflect.get(value, step)).map((below) => [step, ...below]),
  ]);
}

function changed(
  value: unknown,
  [step, ...below]: readonly Step[],
  change: Edit["change"],
): unknown {
  if (step === undefined) return change(value);
  const inner: unknown = Reflect.get(value as object, step);
  const made = changed(inner, below, change);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      if (index !== step) return [item];
      return made === GONE ? [] : [made === RENAMED ? [inner] : made];
    });
  }
  const entries = Object.entries(value as object).flatMap(([key, item]) => {
    if (key !== step) return [[key, item]];
    if (made === GONE) return [];
    return made === RENAMED ? [[`${key}s`, item]] : [[key, made]];
  });
  const copy: Readonly<Record<string, unknown>> = Object.fromEntries(entries);
  return value instanceof FromConfig ? new FromConfig(copy.config, copy.overrides) : copy;
}

export function edited(value: unknown, list: readonly Edit[]): unknown {
  return list.reduce((current, { at, change }) => {
    const places = placesIn(current);
    const place = places[at % Math.max(1, places.length)];
    return place === undefined ? current : changed(current, place, change);
  }, value);
}
