/** What quantised weights cost the feed-forward, by the real compiler: 128 rows on v7x. */
import { beforeAll, describe, expect, test } from "vitest";
import { compileFormats, type Measured } from "../bench/format-specs.mjs";

/** Most bundles of bfloat16's. */
const GOALS = {
  "float8 channels": 1.15,
  "float8 128 x 128": 1.4,
  "int4 channels": 1.15,
  "float4 blocks of 32": 1.4,
} as const;
const VMEM_ERROR = 0.05;

describe("on v7x", () => {
  let bodies: readonly Measured[];
  beforeAll(async () => {
    const formats = ["bfloat16", ...Object.keys(GOALS)];
    bodies = await compileFormats({
      ...{ devices: ["v7x"], formats, tokens: 2048 },
      // One body is compiled in half the time.
      bodies: [128],
    });
  });

  const of = (format: string): Measured => {
    const found = bodies.find((body) => body.format === format && body.rows === 128);
    if (found === undefined) throw new Error(`${format} was not compiled for 128 rows`);
    return found;
  };

  test.each(Object.entries(GOALS))("%s: at most %d of bfloat16's", (format, most) => {
    const { sum, stages, vmemError, message } = of(format);
    expect(message).toBeNull();
    expect(Object.keys(stages).sort()).toEqual(["feed_forward"]);
    expect(sum / of("bfloat16").sum).toBeLessThanOrEqual(most);
    expect(Math.abs(vmemError ?? 1)).toBeLessThanOrEqual(VMEM_ERROR);
  });
});
