/** Rows of a tile that `auto` tries where a schedule predicts seconds. */

/**
 * The most rows of a tile, and parts of them: slots and wider tiles of weights take their room. `more`: what the
 * schedule has besides, where it is legal.
 */
export function rowTiles(
  most: number,
  values: readonly number[],
  more: readonly number[],
): readonly number[] {
  const found = [1, 3 / 4, 1 / 2, 3 / 8, 1 / 4].map((part) =>
    values.find((value) => value <= most * part),
  );
  const own = values.filter((value) => found.includes(value) || more.includes(value));
  return own.toSorted((a, b) => b - a);
}
