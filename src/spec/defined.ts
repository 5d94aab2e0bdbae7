/** Optional fields: absent, never undefined. */

/** Fields that may be undefined, as fields that may be absent. */
export type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that are not undefined, in their order. */
export function defined<T extends object>(fields: T): Defined<T> {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as Defined<T>;
}
