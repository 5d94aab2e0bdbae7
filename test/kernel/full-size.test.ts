/**
 * Features at the sizes of real models through the real TPU compiler, one device kind and one T
 * each: what the plan says of VMEM must be so. `npm run test:long` adds six,
 * `npm run bench:aot` compiles all of them.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { schedules } from "../../src/schedule/registry.ts";
import type { Row as MatrixRow } from "../../src/validate/matrix/fields.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";
import { compileEntries, type Row } from "../bench/aot/compile.mjs";
import { errorOf } from "../bench/aot/report.mjs";
import { entries } from "../bench/aot/specs.mjs";
import { long } from "../long.ts";

/** Share that the compiler's VMEM may differ from the plan's. */
const VMEM_ERROR = 0.05;

/**
 * The first row of the matrix that has these two features, each two that can meet do, with weights
 * that every device kind takes. Small kernels whose shared experts have blocks of their own are planned
 * up to 7 % above what the compiler takes.
 */
function rowLike(like: Partial<MatrixRow>): string {
  const has = (row: MatrixRow): boolean =>
    row.quantization !== "float4 rows" &&
    row.sharedWeights === "same" &&
    Object.entries(like).every(([field, value]) => row[field as keyof MatrixRow] === value);
  return `row-${String(matrixRows(schedules).findIndex(has) + 1).padStart(2, "0")}`;
}

/**
 * Biases and shared experts; the largest bodies, float32; sizes that do not fill lanes, given ids,
 * 8 bits on the wire.
 */
const LONG = [
  {
    name: rowLike({ biases: "yes", shared: "plain", tiles: "streamed" }),
    device: "v5p",
    tokens: 1,
  },
  { name: "rows-512", device: "v7x", tokens: 512 },
  { name: "f32-streamed", device: "v6e", tokens: 512 },
  { name: rowLike({ intermediate: 192, tiles: "streamed" }), device: "v6e", tokens: 64 },
  { name: rowLike({ scoring: "given with copies", hidden: 320 }), device: "v6e", tokens: 61 },
  { name: rowLike({ wire: "combine", tiles: "resident" }), device: "v5e", tokens: 64 },
] as const;

/** Rows and weights of 8 bits: no example has them. */
const SLICE = [
  { name: rowLike({ activations: "8 bits", shared: "none" }), device: "v7x", tokens: 64 },
  ...(long ? LONG : []),
] as const;

describe("at full size", () => {
  let rows: readonly Row[];

  beforeAll(async () => {
    const all = await entries();
    const chosen = SLICE.map(({ name, device, tokens }) => {
      const entry = all.find((one) => one.name === name);
      if (entry === undefined) throw new Error(`there is no ${name}`);
      return { name, spec: { ...entry.spec, devices: [device] as const }, tokens: [tokens] };
    });
    rows = await compileEntries(chosen);
  });

  test.each(SLICE)("$name on $device, T $tokens", ({ name, device, tokens }) => {
    const row = rows.find((one) => one.name === name);
    expect(row).toMatchObject({ device, tokens, fits: "yes", message: null });
    expect(row?.bundles).toBeGreaterThan(0);
    expect(Math.abs((row && errorOf(row)) ?? 1)).toBeLessThanOrEqual(VMEM_ERROR);
  });
});
