/** Judges JSON that comes from a file: nothing in it is believed before its shape is right. */

/** Whether a value has a shape. */
export type Shape = (value: unknown) => boolean;

/** Any text. */
export const text: Shape = (value) => typeof value === "string";

/** True or false. */
export const flag: Shape = (value) => typeof value === "boolean";

/** Any number. */
export const number: Shape = (value) => typeof value === "number";

/** A finite number that is not negative. */
export const amount: Shape = (value) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

/** A count, or an index. */
export const count: Shape = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/** Null, or of this shape. */
export const maybe =
  (shape: Shape): Shape =>
  (value) =>
    value === null || shape(value);

/** Absent, or of this shape. */
export const optional =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined || shape(value);

/** One of these words. */
export const oneOf =
  (...words: readonly string[]): Shape =>
  (value) =>
    words.includes(String(value));

/** A list, each of this shape. */
export const listOf =
  (shape: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(shape);

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Any names, each with a value of this shape. */
export const tableOf =
  (shape: Shape): Shape =>
  (value) =>
    isObject(value) && Object.values(value).every(shape);

/** An object with these fields; further ones are nobody's. */
export const objectOf =
  (fields: Readonly<Record<string, Shape>>): Shape =>
  (value) =>
    isObject(value) &&
    Object.entries(fields).every(([name, shape]) => shape(Reflect.get(value, name)));
