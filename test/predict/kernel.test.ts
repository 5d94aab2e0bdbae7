/** Our own kernel: its plan and its counted bundles as steps. */

import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { floorOf } from "../../src/predict/floor.ts";
import { Cursor } from "../../src/predict/machine/cursor.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { cyclesOf, stageCost } from "../../src/predict/plan/cycles.ts";
import { kernelSteps } from "../../src/predict/plan/kernel.ts";
import { predict } from "../../src/predict/predict.ts";
import { type JobRequest, jobOf } from "../../src/predict/run.ts";
import { amount } from "../../src/predict/step.ts";
import { deviceOf, devices } from "../../src/target/device/registry.ts";
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
  const stage = (name: string) => allOf(kernel).stages.find((each) => each.name === name)!;

  test("takes its loop as often as rows ask for, and the rest once", () => {
    const cost = stageCost(bundles, stage("gather"));
    expect(cost.loops.map(({ body }) => body)).toEqual([50]);
    expect(cost.straight).toBe(bundles.scopes.gather - 50);
    const trips = cyclesOf(cost, (over, each) => (over === "rows" ? 48 / each : 0));
    expect(trips).toBe(bundles.scopes.gather - 50 + 3 * 50);
  });

  test("of nested loops takes each at its own depth", () => {
    // Where each device routes the tokens of all there is one list and no loop over devices' own.
    const large = lowerFor(plan, { device: "v6e", tokens: 2048 }, registries);
    const merge = allOf(large).stages.find(({ name }) => name === "merge")!;
    const { loops } = stageCost(bundles, merge);
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

const examples = readdirSync("examples").filter((name) => name.endsWith(".moe.ts"));

test.each(examples)(
  "%s: every copy of the plan is made, and the time is above the floor",
  async (name) => {
    const { plan: read } = await checkFile(`examples/${name}`);
    expect(read).toBeDefined();
    // Stages that cost nothing: what is left is what the plan says of copies, waits and barriers.
    const free = { total: 0, tracing: 0, scopes: {}, loops: [] };
    const first = read?.kernels[0]?.device;
    for (const each of read?.kernels.filter(({ device }) => device === first) ?? []) {
      const tokens = Math.min(each.tokens, 512);
      const lowered = lowerFor(read!, { device: each.device, tokens }, registries);
      const job = jobOf({
        ...{ device: deviceOf(each.device), ep: read!.mesh.ep, tokens, tiles: {} },
        ...{ layer: layerOf(read!), skew: { kind: "uniform" } },
      });
      const kind = lowered.schedule ?? read!.schedule;
      const steps = registries.schedules[kind]?.steps ?? kernelSteps;
      const { seconds, hbmBytes } = simulate(steps(lowered, free, job), job.device, job.ep);
      expect(seconds, each.bucket).toBeGreaterThan(floorOf(job).hbm);
      // Every copy of the plan is made, as often as it says for the average device.
      const planned = allOf(lowered)
        .streams.filter(({ from, to }) => from === "HBM" || to === "HBM")
        .reduce((sum, { bytes }) => sum + bytes, 0);
      expect(hbmBytes / job.ep / planned, each.bucket).toBeGreaterThan(0.85);
      expect(hbmBytes / job.ep / planned, each.bucket).toBeLessThan(1.25);
    }
  },
);

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
      work.map(({ name }) => name).filter((name) => name.startsWith("feed_forward_"));
    expect(bodies(run({ skew: { kind: "balanced" } }))).toEqual(["feed_forward_16"]);
    expect(bodies(run({ skew: { kind: "hotspot", count: 8, ratio: 1 } }))).toEqual([
      "feed_forward_64",
    ]);
  });

  test("takes the plan's slots: with one there is nothing ahead", () => {
    const one = { ...kernel, tiles: { ...kernel.tiles, slots: 1 } };
    const slow = predict(call, (job) => kernelSteps(one, bundles, job));
    expect(slow.seconds).toBeGreaterThan(1.15 * run().seconds);
  });
});

test("of quantised weights counts the bytes that they have, in the floor too", async () => {
  const { plan: quantised } = await checkFile("examples/qwen3-30b-a3b-fp8.moe.ts");
  if (quantised === undefined) throw new Error("the example is wrong");
  expect(layerOf(quantised)).toMatchObject({ weights: "float8", scaleGroup: 128 });
  expect(layerOf(plan)).not.toHaveProperty("scaleGroup");
  const floor = (of: Plan) => floorOf(jobOf({ ...call, layer: layerOf(of) })).hbm;
  expect(floor(quantised)).toBeLessThan(0.55 * floor(plan));
  // 0.27 bits beside the four of a weight: sizes that fill no lanes.
  const { plan: four } = await checkFile("examples/gpt-oss-120b-fp4.moe.ts");
  if (four === undefined) throw new Error("the example is wrong");
  const { scaleBytes = 0, ...bare } = layerOf(four);
  expect((8 * scaleBytes) / (3 * 2880 * 2880)).toBeCloseTo(0.27, 2);
  const few = { ...call, device: devices.v7x, ep: 8, tokens: 64 };
  const read = (layer: JobRequest["layer"]) => floorOf(jobOf({ ...few, layer })).hbm;
  expect(read({ ...bare, scaleBytes }) / read(bare)).toBeCloseTo(4.27 / 4, 2);
});

test("rows of the first pass come in while the devices meet, those of each further one when its turn comes", async () => {
  const { plan: mixtral } = await checkFile("examples/mixtral-8x7b.moe.ts");
  const lowered = lowerFor(mixtral!, { device: "v7x", tokens: 2048 }, registries);
  expect(lowered.passes).toBe(2);
  const free = { total: 0, tracing: 0, scopes: {}, loops: [] };
  const job = jobOf({
    ...{ device: devices.v7x, ep: 8, tokens: 2048, tiles: {} },
    ...{ layer: layerOf(mixtral!), skew: { kind: "uniform" } },
  });
  const cursor = new Cursor(kernelSteps(lowered, free, job), 0);
  const seen: string[] = [];
  let bytes = 0;
  for (let action = cursor.next(); action !== undefined; action = cursor.next()) {
    if (action.do === "barrier") seen.push(action.name);
    if (action.do === "start" && action.stream === "tokens_in") {
      seen.push("rows start");
      bytes += amount(action.bytes, cursor.here);
    }
    if (action.do === "wait" && action.stream === "tokens_in") seen.push("rows are here");
  }
  const come = ["rows start", "barrier", "rows are here"];
  expect(seen).toEqual([...come, "rows start", "rows are here"]);
  expect(bytes).toBe(allOf(lowered).streams.find(({ name }) => name === "tokens_in")!.bytes);
});
