/** Rows of two passes, in VMEM or in HBM: what the plan says of them beside the kernel of one pass at a time. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { kernelSteps } from "../../src/predict/plan/kernel.ts";
import { jobOf } from "../../src/predict/run.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketRows } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { devices } from "../../src/target/device/registry.ts";
import { LAYER } from "./resident-layer.ts";

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

test("rows in HBM are of as many passes as links take longest for, two of them at once", () => {
  const held = only(planOf("hbm"));
  expect(held.passes).toBeGreaterThan(2);
  const { buffers, stages } = allOf(held);
  const shape = (name: string) => buffers.find((buffer) => buffer.name === name)?.shape;
  const rows = 8192 / held.passes + 1;
  expect(shape("token_rows")).toEqual([2, rows * 16, 128]);
  // Close there; gathered one sublane apart, so that strided loads of eight meet as many banks.
  expect(shape("gathered_rows")).toEqual([128 * 17, 128]);
  expect(shape("packed_rows")?.[0]).toBe(128 * 16);
  expect(shape("token_sums")).toEqual([rows * 32, 128]);
  expect(held.vmem.used).toBeLessThan(held.vmem.available);
  // One turn after the other: a stage without a turn is of the pass whose rows the experts take.
  const turns = stages.flatMap(({ name, turn }) => (turn?.at === "beside" ? [name, turn.of] : []));
  expect(turns).toEqual(["reduce_scatter", "leaving", "await_rows", "coming"]);
});

test("rows of two passes in VMEM come, are taken and leave in the same turns", () => {
  const held = only(planOf("two passes"));
  expect(held.passes).toBeGreaterThan(2);
  const { buffers, streams, stages } = allOf(held);
  const shape = (name: string) => buffers.find((buffer) => buffer.name === name)?.shape;
  const rows = 8 * (held.tiles.own.pass_tokens ?? 0) + 1;
  expect(rows * held.passes).toBeGreaterThan(8192);
  expect(shape("token_rows")).toEqual([rows * 16, 128]);
  expect(shape("token_sums")).toEqual([rows * 32, 128]);
  const two = buffers.filter(({ slots }) => slots === 2).map(({ name }) => name);
  expect(two).toEqual(expect.arrayContaining(["token_rows", "token_sums"]));
  expect(held.vmem.used).toBeLessThan(held.vmem.available);
  const source = (name: string) => streams.find((stream) => stream.name === name)?.source;
  expect([source("rows_out"), source("sums_out")]).toEqual(["token_rows", "token_sums"]);
  const turns = stages.flatMap(({ name, turn }) => (turn?.at === "beside" ? [name, turn.of] : []));
  expect(turns).toEqual(["reduce_scatter", "leaving", "await_rows", "coming"]);
});

test("in VMEM weights may be cut, and biases, shared experts and rows of 8 bits are served", async () => {
  const layer = {
    biases: true,
    sharedExperts: { count: 1, intermediate: 1024 },
    wire: { dispatch: "float8_e4m3fn" },
  } as const;
  const spec = specOf("two passes", layer);
  const tiles = { all: { upTo: 8192, bt: 128, bf: 128, bd: 2048, rows: "two passes" } } as const;
  const cut = { ...spec, schedule: { kind: "gather", tiles } };
  for (const { plan, findings } of [spec, cut].map((each) => judge(each, registries))) {
    if (plan === undefined) throw new Error(JSON.stringify(findings));
    expect(only(plan).passes).toBeGreaterThan(2);
    const files = await emitPackage(plan);
    const experts = files.get("resident/experts.py") ?? "";
    expect(experts).toContain("beside(turn, turns)");
    // All rows of a pass are here before its experts: nothing but the turns waits for rows.
    expect([...files.values()].join("").match(/ await_rows\(/g)).toBeNull();
  }
});

test("out of HBM the rows of a block come while the weights of the last one stream by", async () => {
  const layer = { biases: true, wire: { dispatch: "int8" } } as const;
  const tiles = { all: { upTo: 8192, bt: 32, bf: 128, bd: 2048, rows: "hbm" } } as const;
  const spec = { ...specOf("hbm", layer), schedule: { kind: "gather", tiles } };
  const { plan, findings } = judge(spec, registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  const { buffers, semaphores, stages } = allOf(only(plan));
  const block = (only(plan).tiles.own.row_block ?? 0) / 32;
  expect(block).toBeGreaterThan(1);
  // Nine sublanes of words and scales.
  const gathered = buffers.find(({ name }) => name === "gathered_rows");
  expect([gathered?.slots, gathered?.shape]).toEqual([block, [32 * 9, 128]]);
  expect(semaphores.find(({ name }) => name === "rows_gathered")?.count).toBe(block);
  const names = stages.map(({ name }) => name);
  const places = ["await_gathered", "operand", "merge", "gather", "await_weights", "activation"];
  const found = places.map((name) => names.indexOf(name));
  expect(found).toEqual([...found].sort((a, b) => a - b));
  const experts = (await emitPackage(plan)).get("resident/experts.py") ?? "";
  expect(experts).toContain("next_total = _bring_rows(r, s, me, item + 1, items)");
});

test("where weights bind passes follow each other, with room for one", () => {
  const bound = (rows: BucketRows): KernelPlan => {
    const { schedule, ...spec } = specOf(rows, { intermediate: 2048 });
    const tiles = { all: { upTo: 4096, bt: 128, bf: 256, bd: 4096, rows } };
    const { plan, findings } = judge({ ...spec, schedule: { ...schedule, tiles } }, registries);
    if (plan === undefined) throw new Error(JSON.stringify(findings));
    return only(plan);
  };
  const [two, one] = [bound("two passes"), bound("vmem")];
  expect(two.passes).toBeGreaterThan(1);
  expect(two.passes).toBe(one.passes);
  expect(two.tiles.own.passes_at_once).toBe(1);
  const shape = (name: string) => allOf(two).buffers.find((buffer) => buffer.name === name)?.shape;
  const rows = 8 * (two.tiles.own.pass_tokens ?? 0) + 1;
  expect([shape("token_rows"), shape("token_sums")]).toEqual([
    [rows * 16, 128],
    [rows * 32, 128],
  ]);
  const { stages } = allOf(two);
  expect(stages.map(({ name }) => name)).not.toContain("pass_barrier");
});

test("no list is there before all rows have come: first experts' weights fill their slots", () => {
  const roomy = (rows: BucketRows): KernelPlan => {
    const { schedule, ...spec } = specOf(rows, { hidden: 2048 });
    const tiles = { all: { upTo: 2048, bt: 128, bf: 256, bd: 2048, slots: 5, rows } };
    const { plan, findings } = judge({ ...spec, schedule: { ...schedule, tiles } }, registries);
    if (plan === undefined) throw new Error(JSON.stringify(findings));
    return only(plan);
  };
  const early = ({ tiles }: KernelPlan) => tiles.own.early;
  expect([early(roomy("vmem")), early(roomy("two passes"))]).toEqual([2, 4]);
});

test.each(["two passes", "hbm", "hbm with sums", "hbm with results"] as const)(
  "rows = %s: more tokens than a bucket's fit as well",
  (rows) => {
    const spec = specOf(rows, { hidden: 2048 });
    const tiles = { all: { upTo: 2048, bt: 128, bf: 256, bd: 2048, rows } };
    const { plan } = judge({ ...spec, schedule: { kind: "gather", tiles } }, registries);
    if (plan === undefined) throw new Error("no plan");
    const { vmem, passes } = lowerFor(plan, { device: "v7x", tokens: 32_768 }, registries);
    expect(passes).toBeGreaterThan(only(plan).passes);
    expect(vmem.used).toBeLessThanOrEqual(vmem.available);
  },
);

test("one device has no two passes at a time", () => {
  const spec = specOf("two passes");
  const { plan } = judge({ ...spec, mesh: { ...spec.mesh, ep: 1 } }, registries);
  expect(plan?.kernels.map(({ tiles }) => tiles.rows)).toEqual([undefined]);
});

test("weights that bind are read once: passes cost what they read", () => {
  const wide = specOf("hbm", { experts: 8, topK: 1, intermediate: 512 });
  const { plan, findings } = judge(
    {
      ...wide,
      schedule: {
        kind: "gather",
        tiles: { all: { upTo: 512, bt: 64, bf: 512, bd: 4096, rows: "hbm" } },
      },
    },
    registries,
  );
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  expect(only(plan).passes).toBe(1);
});

test("what is not served is refused with its name, a bucket beside it too", () => {
  const said = (spec: MoeSpec): readonly string[] =>
    judge(spec, registries).findings.map(({ code, message }) => `${code} ${message}`);
  for (const rows of ["hbm", "hbm with sums", "hbm with results"] as const) {
    expect(said(specOf(rows, { deterministic: true }))).toContain(
      `MOE144 rows = "${rows}" with deterministic`,
    );
  }
  const spec = specOf("hbm");
  const few = { upTo: 64, bt: 16, bf: 256, bd: 4096 };
  const mixed = { ...spec, schedule: { ...spec.schedule, tiles: { few, ...spec.schedule.tiles } } };
  expect(said(mixed)).toEqual(['MOE144 rows = "hbm", but not in few']);
  expect(said(specOf("two passes", { deterministic: true }))).toContain(
    'MOE144 rows = "two passes" with deterministic',
  );
});

test("the package declares its buffers in HBM as outputs that nobody reads", async () => {
  const files = await emitPackage(planOf("hbm"));
  expect(files.get("resident/kernel.py")).toContain("result, *_ = call(");
  expect(files.get("resident/shapes.py")).toContain('"token_rows": jax.ShapeDtypeStruct(');
});

test("what overlaps takes less time than one after the other, and makes every copy of the plan", () => {
  const free = { total: 0, tracing: 0, scopes: {}, loops: [] };
  const timed = (plan: Plan) => {
    const kernel = only(plan);
    const layer = layerOf(plan);
    const request = { device: devices.v7x, ep: 8, tokens: 8192, tiles: {}, layer };
    const job = jobOf({ ...request, skew: { kind: "uniform" } });
    const steps = kernelSteps(kernel, free, job);
    return { ...simulate(steps, job.device, 8), streams: allOf(kernel).streams };
  };
  const resident = timed(planOf("vmem"));
  for (const [rows, most] of [
    ["hbm", 0.95],
    ["two passes", 0.97],
  ] as const) {
    const held = timed(planOf(rows));
    expect(held.seconds).toBeLessThan(most * resident.seconds);
    const sent = held.streams.reduce((sum, { remote, bytes }) => sum + (remote ? bytes : 0), 0);
    expect(held.iciBytes / 8 / sent).toBeCloseTo(1, 2);
  }
});
