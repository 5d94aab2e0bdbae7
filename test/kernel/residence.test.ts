/** Rows in HBM: what the plan says of them beside the same kernel with rows in VMEM. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketRows } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";

const LAYER: LayerSpec = {
  experts: 64,
  topK: 4,
  hidden: 4096,
  intermediate: 256,
  activation: "silu",
  dtype: "bfloat16",
  weights: "separate",
  routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
};

function specOf(rows: BucketRows, layer: Partial<LayerSpec> = {}): MoeSpec {
  return {
    name: "resident",
    layer: { ...LAYER, ...layer },
    mesh: { ep: 8, axes: ["expert"] },
    devices: ["v7x"],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: 8192, bt: 128, bf: 256, bd: 4096, rows } },
    },
    emit: { reference: true },
  };
}

function planOf(rows: BucketRows): Plan {
  const { plan, findings } = judge(specOf(rows), registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

const only = ({ kernels: [kernel] }: Plan): KernelPlan => {
  if (kernel === undefined) throw new Error("no kernel");
  return kernel;
};

test("rows in HBM take one pass where VMEM takes several, and read weights once", () => {
  const [held, resident] = [only(planOf("hbm")), only(planOf("vmem"))];
  expect(resident.passes).toBeGreaterThan(1);
  expect(held.passes).toBe(1);
  const read = (kernel: KernelPlan): number =>
    allOf(kernel).streams.find(({ name }) => name === "down_in")?.bytes ?? 0;
  expect(read(held)).toBeLessThan(read(resident) / (resident.passes - 0.5));
});

test("what lies in HBM holds the worst skew and takes no VMEM", () => {
  const held = allOf(only(planOf("hbm"))).buffers.filter(({ space }) => space === "HBM");
  expect(held.map(({ name }) => name)).toEqual(["token_rows", "arrived_sums", "results"]);
  // All tokens on one device, each with four experts there: groups of 8 rows of 32 tiles, 9 apart.
  const results = held.find(({ name }) => name === "results");
  expect(results?.shape[0]).toBe(((8192 * 4) / 8 + 8) * 32 * 9);
});

test("what is not served is refused with its name, a bucket beside it too", () => {
  const said = (spec: MoeSpec): readonly string[] =>
    judge(spec, registries).findings.map(({ code, message }) => `${code} ${message}`);
  expect(said(specOf("hbm", { biases: true }))).toEqual(['MOE144 rows = "hbm" with biases']);
  expect(said(specOf("hbm", { wire: { dispatch: "int8" } }))).toEqual([
    'MOE144 rows = "hbm" with rows of 8 bits between devices',
  ]);
  const spec = specOf("hbm");
  const few = { upTo: 64, bt: 16, bf: 256, bd: 4096 };
  const mixed = { ...spec, schedule: { ...spec.schedule, tiles: { few, ...spec.schedule.tiles } } };
  expect(said(mixed)).toEqual(['MOE144 rows = "hbm", but not in few']);
});

test("the package declares its buffers in HBM as outputs that nobody reads", async () => {
  const files = await emitPackage(planOf("hbm"));
  expect(files.get("resident/kernel.py")).toContain("result, *_ = call(");
  expect(files.get("resident/shapes.py")).toContain('"results": jax.ShapeDtypeStruct(');
});
