/** Values of the plan as Python source: the only place that quotes or spells a Python literal. */

/** Double-quoted, as Black writes it. JSON's escapes are Python's for what names can hold. */
export function pyString(text: string): string {
  return JSON.stringify(text);
}

/** Text inside a docstring: on one line, with nothing that ends it or starts an escape. */
export function pyDocText(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return line.replaceAll("\\", "/").replaceAll('"', "'");
}

/**
 * A float literal: never an int, so that Python keeps the type. Throws RangeError for infinities
 * and NaN.
 */
export function pyFloat(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no Python literal here`);
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A boolean literal. */
export function pyBool(value: boolean): string {
  return value ? "True" : "False";
}

/** A tuple of expressions that are Python already; a single one has its comma. */
export function pyTuple(items: readonly string[]): string {
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
}
