/** Objects of data that is not known yet: of a config, a header, a spec from plain JavaScript. */
export type Dict = Readonly<Record<string, unknown>>;

/** Whether it is an object that is no list. */
export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
