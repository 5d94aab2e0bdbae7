/**
 * The feature matrix on 1, 2, 4 and 8 simulated devices, each kernel against the float32 reference:
 * rows that have each value of each feature and each schedule, and with `npm run test:long` all of them, where
 * every two features meet. `moegen validate --matrix --all` adds 16 and 32 devices.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type MatrixResult, validateMatrix } from "../../src/runner/index.ts";
import { schedules } from "../../src/schedule/registry.ts";
import type { Row } from "../../src/validate/matrix/fields.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";
import { long } from "../long.ts";

const all = matrixRows(schedules);
const TIMES = 1;

const featuresOf = (row: Row): readonly string[] =>
  Object.entries(row).map(([field, value]) => `${field} = ${value}`);

/** How many of these rows have each feature. */
function countsOf(rows: readonly Row[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const feature of rows.flatMap(featuresOf)) {
    counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  return counts;
}

/** Numbers, from 1, of rows in which each feature is seen; few, and of few devices. */
function sample(): readonly number[] {
  const wanted = new Map([...countsOf(all)].map(([name, count]) => [name, Math.min(count, TIMES)]));
  const missing = (row: Row) => featuresOf(row).filter((name) => (wanted.get(name) ?? 0) > 0);
  // Time to simulate rises with the devices, and where tokens take several passes.
  const worth = (row: Row) =>
    missing(row).length / ((2 + row.ep) * (row.tokens === "passes" ? 1.5 : 1));
  const chosen: Row[] = [];
  for (;;) {
    const [best] = all.filter((row) => !chosen.includes(row)).sort((a, b) => worth(b) - worth(a));
    if (best === undefined || worth(best) === 0) break;
    for (const name of missing(best)) wanted.set(name, (wanted.get(name) ?? 0) - 1);
    chosen.push(best);
  }
  return chosen.map((row) => all.indexOf(row) + 1).sort((a, b) => a - b);
}

const numbers = long ? all.map((_, index) => index + 1) : sample();
const rows = numbers.flatMap((row) => all.slice(row - 1, row));

describe("the feature matrix", () => {
  let result: MatrixResult;

  beforeAll(async () => {
    result = await validateMatrix({ rows: numbers });
  });

  test.each(numbers.map((row, index) => ({ row, ep: rows[index]?.ep })))(
    "row $row, ep $ep",
    ({ row }) => {
      const found = result.rows.find((one) => one.row === row);
      expect(found?.cases.length).toBeGreaterThanOrEqual(3);
      expect(found?.cases.filter(({ ok }) => !ok)).toEqual([]);
      expect(found?.ok).toBe(true);
      expect(found?.ofLimit).toBeGreaterThan(0);
      expect(found?.ofLimit).toBeLessThanOrEqual(1);
    },
  );

  test("counts every value that was run, and each was", () => {
    const counted = result.features.map(
      ({ field, value, rows: count }) => [`${field} = ${value}`, count] as const,
    );
    expect(new Map(counted)).toEqual(countsOf(rows));
    for (const [feature, count] of countsOf(all)) {
      expect(countsOf(rows).get(feature), feature).toBeGreaterThanOrEqual(Math.min(count, TIMES));
    }
  });
});
