import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { multiplyCycles } from "../../src/predict/cost/multiply.ts";
import { floorOf } from "../../src/predict/floor.ts";
import { predict } from "../../src/predict/predict.ts";
import { published } from "../../src/predict/published/registry.ts";
import { type JobRequest, jobOf } from "../../src/predict/run.ts";
import { deviceNames, devices } from "../../src/target/device/registry.ts";

const request = (change: Partial<JobRequest> = {}): JobRequest => ({
  device: devices.v6e,
  ep: 4,
  tokens: 256,
  layer: { experts: 32, topK: 4, hidden: 1024, intermediate: 512, weights: "bfloat16" },
  tiles: {},
  skew: { kind: "uniform" },
  ...change,
});

const requests = fc
  .record({
    device: fc.constantFrom(...deviceNames),
    ep: fc.constantFrom(1, 2, 4, 8),
    tokens: fc.constantFrom(8, 64, 200, 1024),
    experts: fc.constantFrom(8, 32),
    topK: fc.constantFrom(1, 4, 8),
    hidden: fc.constantFrom(1024, 2048),
    intermediate: fc.constantFrom(512, 768),
    weights: fc.constantFrom("bfloat16" as const, "float8" as const, "float4" as const),
    skew: fc.constantFrom(
      { kind: "uniform" as const },
      { kind: "balanced" as const },
      { kind: "zipf" as const, s: 1 },
    ),
  })
  .map(({ device, ep, tokens, skew, ...layer }) =>
    request({ device: devices[device], ep, tokens, skew, layer }),
  );

describe.each(published.map((kernel) => [kernel.name, kernel] as const))("%s", (_, kernel) => {
  test("is never faster than the floor, and all of its time is accounted for", () => {
    fc.assert(
      fc.property(requests, (call) => {
        const { seconds, floor, work, exposed } = predict(call, kernel.steps, 1);
        expect(seconds).toBeGreaterThanOrEqual(floor.seconds);
        const spent = [...work, ...exposed].reduce((sum, part) => sum + part.seconds, 0);
        expect(spent).toBeLessThanOrEqual(seconds * (1 + 1e-9));
        expect(spent).toBeGreaterThan(0.9 * seconds);
      }),
      { numRuns: 15, seed: 7 },
    );
  });

  test("takes longer for more tokens, larger experts and slower memory", () => {
    const time = (change: Partial<JobRequest>): number =>
      predict(request({ skew: { kind: "balanced" }, ...change }), kernel.steps).seconds;
    const { layer } = request();
    expect(time({ tokens: 4096 })).toBeGreaterThan(time({}));
    expect(time({ layer: { ...layer, intermediate: 2048 } })).toBeGreaterThan(time({}));
    const slow = { ...devices.v6e, hbmBandwidth: devices.v6e.hbmBandwidth / 4 };
    expect(time({ device: slow })).toBeGreaterThan(time({}));
  });

  test("says what it is and where it was read", () => {
    expect(kernel.source).toMatch(/[\w-]+\/[\w-]+(@[0-9a-f]{7,}| pull request|\/pull\/)/);
    expect(kernel.about).not.toBe("");
    expect(published.filter(({ name }) => name === kernel.name)).toHaveLength(1);
  });
});

test("skew costs the busiest device, and the others wait for it", () => {
  const { steps } = published.find(({ name }) => name === "sgl-jax-v1")!;
  const call = (skew: JobRequest["skew"]) => predict(request({ tokens: 8192, skew }), steps);
  const even = call({ kind: "balanced" });
  const skewed = call({ kind: "hotspot", count: 8, ratio: 0.8 });
  expect(skewed.seconds).toBeGreaterThan(1.1 * even.seconds);
  expect(even.imbalance).toBe(1);
  expect(skewed.imbalance).toBeGreaterThan(1.5);
});

test("the floor is what must be read, multiplied and moved", () => {
  const job = jobOf(request({ skew: { kind: "balanced" } }));
  const { hbm, mxu, ici, seconds, bound } = floorOf(job);
  const weights = 8 * 3 * 1024 * 512 * 2;
  const own = 2 * 64 * 1024 * 2;
  expect(hbm).toBeCloseTo((weights + own) / 1638e9, 12);
  expect(mxu).toBeCloseTo((256 * 6 * 1024 * 512) / 918e12, 12);
  expect(ici).toBeGreaterThan(0);
  expect(seconds).toBe(hbm);
  expect(bound).toBe("HBM");
});

test("multiplies were counted for every device, or for the kind that stands for it", () => {
  const work = { form: "packed", part: "down", contracted: 1024, columns: 512 } as const;
  for (const device of Object.values(devices)) {
    const cycles = [1, 8, 100, 512, 2000].map((rows) =>
      multiplyCycles(device, { ...work, rows, weights: "bfloat16" }),
    );
    expect(cycles).toEqual([...cycles].sort((a, b) => a - b));
    // Twice the rows beyond those counted take twice the cycles, and never less than the peak.
    expect(cycles[4]).toBeGreaterThan(3.5 * (cycles[3] ?? 0));
    const peak = (2 * 2000 * 1024 * 512 * device.clock) / device.bf16Flops;
    expect(cycles[4]).toBeGreaterThanOrEqual(peak);
  }
  const unknown = { ...devices.v6e, timing: { ...devices.v6e.timing, stages: "v99" } };
  expect(() => multiplyCycles(unknown, { ...work, rows: 8, weights: "int8" })).toThrow(
    "no counted stages for v99; counted: ",
  );
});
