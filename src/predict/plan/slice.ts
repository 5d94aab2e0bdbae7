/** What a turn does of the steps of a collective. */

/** Steps from the first up to the last, which is not among them. */
export interface Slice {
  readonly first: number;
  readonly last: number;
}
