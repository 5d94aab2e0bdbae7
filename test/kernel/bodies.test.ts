/**
 * The feed-forward of 256 and 512 rows at the size of Qwen3-30B-A3B, by the real compiler, against
 * tokamax's grouped matmuls there (gate, up, activation and down of 2,048 by 768).
 */
import { beforeAll, describe, expect, test } from "vitest";
import { compileFormats, type Measured } from "../bench/format-specs.mjs";
import { long } from "../long.ts";

/** Bundles of tokamax's, by rows. */
const TOKAMAX = {
  v6e: { 256: 5107, 512: 9680 },
  v7x: { 256: 3095, 512: 5046 },
} as const;

describe.runIf(long).each(["v6e", "v7x"] as const)("on %s", (device) => {
  let bodies: readonly Measured[];
  beforeAll(async () => {
    const kinds = { devices: [device], formats: ["bfloat16"] };
    bodies = await compileFormats({ ...kinds, tokens: 2048, bodies: [256, 512] });
  });

  test.each([256, 512] as const)("%i rows take no more bundles", (rows) => {
    const found = bodies.find((body) => body.rows === rows);
    expect(found?.message).toBeNull();
    expect(found?.sum).toBeLessThanOrEqual(TOKAMAX[device][rows]);
  });
});
