/** "Did you mean": the nearest of some words. */

/** Letters added, left out, changed or swapped with a neighbour. */
function edits(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= a.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= b.length; column++) {
      const changed = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swaps = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = swaps && row > 1 && column > 1 ? at(row - 2, column - 2) + 1 : changed;
      rows[row]?.push(Math.min(changed, swapped, at(row - 1, column) + 1, at(row, column - 1) + 1));
    }
  }
  return at(a.length, b.length);
}

/** The one of `known` that was meant; nothing where none is near, i.e. within a third of its letters. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((one) => ({ one, cost: edits(word.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.cost - b.cost);
  return best !== undefined && best.cost <= Math.ceil(best.one.length / 3) ? best.one : undefined;
}
