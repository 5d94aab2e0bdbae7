/** Our own kernel: its plan and its counted bundles as steps. */
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { lowerFor } from "../../src/plan/lower.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { cyclesOf, stageCost } from "../../src/predict/plan/cycles.ts";
import { kernelSteps } from "../../src/predict/plan/kernel.ts";
import { predict } from "../../src/predict/predict.ts";
import type { JobRequest } from "../../src/predict/run.ts";
import { devices } from "../../src/target/device/registry.ts";
import counted from "./qwen3-v6e-64.bundles.json" with { type: "json" };

const { bundles } = counted;
let plan: Plan;
let kernel: KernelPlan;
const call: JobRequest = {
  device: devices.v6e,
  ep: 4,
  tokens: 64,
  layer: { experts: 128, topK: 8, hidden: 2048, intermediate: 768, weights: "bfloat16" },
  tiles: {},
  skew: { kind: "uniform" },
};

beforeAll(async () => {
  const checked = await checkFile("examples/qwen3-30b-a3b.moe.ts");
  if (checked.plan === undefined) throw new Error("the example is wrong");
  plan = checked.plan;
  kernel = lowerFor(plan, { device: "v6e", tokens: 64 }, registries);
});

describe("a stage", () => {
  const stage = (name: string) => kernel.stages.find((each) => each.name === name)!;

  test("takes its loop as often as rows ask for, and the rest once", () => {
    const cost = stageCost(bundles, stage("gather"));
    expect(cost.loops.map(({ body }) => body)).toEqual([50]);
    expect(cost.straight).toBe(bundles.scopes.gather - 50);
    const trips = cyclesOf(cost, (over, each) => (over === "rows" ? 48 / each : 0));
    expect(trips).toBe(bundles.scopes.gather - 50 + 3 * 50);
  });

  test("of nested loops takes each at its own depth", () => {
    const { loops } = stageCost(bundles, stage("merge"));
    expect(loops.map(({ loop }) => loop.over)).toEqual(["devices", "rows of each device"]);
    expect(loops.map(({ body }) => body)).toEqual([31, 19]);
  });

  test("that is not in the schedule costs nothing", () => {
    expect(stageCost({ ...bundles, scopes: {} }, stage("route"))).toEqual({
      straight: 0,
      loops: expect.any(Array),
    });
  });
});

describe("the kernel", () => {
  const run = (change: Partial<JobRequest> = {}) =>
    predict({ ...call, ...change }, (job) => kernelSteps(kernel, bundles, job));

  test("waits for weights and for little else: HBM bounds decode", () => {
    const { seconds, floor, bound, exposed } = run();
    expect(floor.bound).toBe("HBM");
    expect(seconds).toBeGreaterThan(floor.seconds);
    expect(seconds).toBeLessThan(1.6 * floor.seconds);
    expect(bound).toBe("HBM");
    expect(exposed[0]?.name).toBe("gate_up_in");
  });

  test("reads fewer weights where fewer experts have rows", () => {
    const few = run({ skew: { kind: "hotspot", count: 16, ratio: 1 } });
    expect(few.floor.seconds).toBeLessThan(0.5 * run().floor.seconds);
    expect(few.seconds).toBeLessThan(0.6 * run().seconds);
  });

  test("picks the body by the rows of the expert", () => {
    const bodies = ({ work }: { readonly work: readonly { readonly name: string }[] }) =>
      work.map(({ name }) => name).filter((name) => name.startsWith("gate_up_"));
    expect(bodies(run({ skew: { kind: "balanced" } }))).toEqual(["gate_up_16"]);
    expect(bodies(run({ skew: { kind: "hotspot", count: 8, ratio: 1 } }))).toEqual(["gate_up_64"]);
  });

  test("takes the plan's slots: with one there is nothing ahead", () => {
    const one = { ...kernel, tiles: { ...kernel.tiles, slots: 1 } };
    const slow = predict(call, (job) => kernelSteps(one, bundles, job));
    expect(slow.seconds).toBeGreaterThan(1.15 * run().seconds);
  });
});
