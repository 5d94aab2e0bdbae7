/** Lines on a grid of characters, both axes in logarithms. */

export interface Series {
  readonly name: string;
  readonly mark: string;
  /** x and y, both above 0. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 60;
const HEIGHT = 15;

interface Scale {
  readonly least: number;
  readonly most: number;
}

function scaleOf(values: readonly number[]): Scale {
  const logs = values.map(Math.log);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  return most > least ? { least, most } : { least: least - 1, most: most + 1 };
}

const placeOf = (value: number, { least, most }: Scale, cells: number): number =>
  Math.round(((Math.log(value) - least) / (most - least)) * (cells - 1));

/** Cells of a line between two others, one in each column. */
function between(
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
): readonly (readonly [number, number])[] {
  const steps = Math.max(1, x1 - x0);
  return Array.from({ length: steps + 1 }, (_, step) => [
    x0 + step,
    Math.round(y0 + ((y1 - y0) * step) / steps),
  ]);
}

/**
 * The series as lines of text, the first on top of the others, with `x` below at its first, middle and last
 * value; none for no point.
 */
export function plot(
  series: readonly Series[],
  labels: { readonly x: (value: number) => string; readonly y: (value: number) => string },
): readonly string[] {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return [];
  const [xs, ys] = [scaleOf(points.map(([x]) => x)), scaleOf(points.map(([, y]) => y))];
  const grid = Array.from({ length: HEIGHT }, () => Array.from({ length: WIDTH }, () => " "));
  for (const { mark, points: own } of series.toReversed()) {
    const cells = own
      .toSorted(([a], [b]) => a - b)
      .map(([x, y]) => [placeOf(x, xs, WIDTH), placeOf(y, ys, HEIGHT)] as const);
    const line = cells.flatMap((cell, at) => between(cells[at - 1] ?? cell, cell));
    for (const [column, row] of line) {
      const cellsOfRow = grid[HEIGHT - 1 - row];
      if (cellsOfRow !== undefined) cellsOfRow[column] = mark;
    }
  }
  const heights = [0, (HEIGHT - 1) / 2, HEIGHT - 1];
  const valueAt = ({ least, most }: Scale, share: number): number =>
    Math.exp(least + share * (most - least));
  const names = grid.map((_, row) =>
    heights.includes(row) ? labels.y(valueAt(ys, 1 - row / (HEIGHT - 1))) : "",
  );
  const margin = Math.max(...names.map((name) => name.length));
  const lines = grid.map((cells, row) =>
    `  ${(names[row] ?? "").padStart(margin)} │${cells.join("")}`.trimEnd(),
  );
  const ends = [0, 0.5, 1].map((share) => labels.x(valueAt(xs, share)));
  const [first = "", middle = "", last = ""] = ends;
  const half = Math.floor((WIDTH - first.length - last.length - middle.length) / 2);
  const gap = " ".repeat(Math.max(1, half));
  const blank = `  ${" ".repeat(margin)} `;
  return [
    ...lines,
    `${blank}└${"─".repeat(WIDTH)}`,
    `${blank} ${first}${gap}${middle}${gap}${last}`,
  ];
}
