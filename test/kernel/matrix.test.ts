/**
 * The feature matrix on 1, 2, 4 and 8 simulated devices: every two features together, each kernel
 * against the float32 reference. `moegen validate --matrix --all` adds 16 and 32 devices.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type MatrixResult, validateMatrix } from "../../src/runner/index.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";

const rows = matrixRows();

describe("the feature matrix", () => {
  let result: MatrixResult;

  beforeAll(async () => {
    result = await validateMatrix();
  });

  test.each(rows.map(({ ep }, index) => ({ row: index + 1, ep })))(
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

  test("counts every value that was run", () => {
    const ep = result.features.filter(({ field }) => field === "ep");
    expect(ep.map(({ value }) => value)).toEqual(["1", "2", "4", "8"]);
    expect(ep.reduce((sum, one) => sum + one.rows, 0)).toBe(rows.length);
  });
});
