/** A scaled spec is small, legal, and has the structure of the full one. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { moe } from "../../src/index.ts";
import { isTiled, sharedOf } from "../../src/kernel/shared-experts/spread.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { schedules } from "../../src/schedule/registry.ts";
import type { RoutingSpec } from "../../src/spec/layer.ts";
import { devices } from "../../src/target/device/registry.ts";
import { scaleSpec } from "../../src/validate/scale.ts";

const folder = fileURLToPath(new URL("../../examples", import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith(".moe.ts"));

async function planOf(name: string): Promise<Plan> {
  const { plan, diagnostics } = await checkFile(join(folder, name));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return plan;
}

function kernelRouting(routing: RoutingSpec): Extract<RoutingSpec, { where: "kernel" }> {
  if (routing.where !== "kernel") throw new Error("the examples route in the kernel");
  return routing;
}

describe.each(examples)("%s", (name) => {
  it("scales to a spec that the checker accepts", async () => {
    const plan = await planOf(name);
    const schedule = schedules[plan.schedule as keyof typeof schedules];
    const { spec, tokens } = scaleSpec(plan, schedule);
    const { plan: scaled, findings } = judge(spec, { schedules, devices });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(scaled?.layer.hidden).toBeLessThanOrEqual(1024);
    expect(scaled?.layer.intermediate).toBeLessThanOrEqual(576);
    expect(tokens).toBeLessThanOrEqual(64);
    const { groups, ...routing } = kernelRouting(plan.layer.routing);
    const { groups: scaledGroups, ...scaledRouting } = kernelRouting(spec.layer.routing);
    expect(scaledRouting).toEqual(routing);
    // Fewer experts make fewer groups, of which some are still left out.
    expect(scaledGroups?.score).toBe(groups?.score);
    if (scaledGroups !== undefined) expect(scaledGroups.kept).toBeLessThan(scaledGroups.count);
  });

  it("has bodies on both sides of where rows are multiplied otherwise, where the full one has", async () => {
    const plan = await planOf(name);
    const schedule = schedules[plan.schedule as keyof typeof schedules];
    const { spec } = scaleSpec(plan, schedule);
    const { plan: scaled } = judge(spec, { schedules, devices });
    const few = schedule.roundedWeights?.(plan).routed ?? 0;
    const sides = (made: Plan | undefined): readonly boolean[] =>
      (made?.kernels ?? []).flatMap(({ tiles }) => tiles.btc.map((rows) => rows > few));
    expect(new Set(sides(scaled))).toEqual(new Set(sides(plan)));
  });

  it("keeps loops that have several trips, and those that have one", async () => {
    const plan = await planOf(name);
    const schedule = schedules[plan.schedule as keyof typeof schedules];
    const { spec } = scaleSpec(plan, schedule);
    const { plan: scaled } = judge(spec, { schedules, devices });
    const [kernel] = scaled?.kernels ?? [];
    const full = plan.kernels.find(({ device }) => device === kernel?.device);
    const many = (made: typeof kernel, axis: string): boolean =>
      (made?.axes.find((one) => one.name === axis)?.trips ?? 0) > 1;
    for (const axis of ["bf", "bd"]) expect(many(kernel, axis)).toBe(many(full, axis));
    // Bodies for a number of rows are named after it: several stay several.
    const names = (made: KernelPlan | undefined): ReadonlySet<string> =>
      new Set(
        allOf(made ?? { calls: [] }).stages.map(({ name: stage }) => stage.replace(/\d+/g, "n")),
      );
    // Few tokens each device routes itself: there are calls on either side.
    const few = lowerFor(plan, { device: kernel?.device ?? "", tokens: 1 }, { schedules, devices });
    expect([names(few), names(full)]).toContainEqual(names(kernel));
    for (const side of ["exchange_routes", "await_logits"]) {
      const has = (made: readonly (KernelPlan | undefined)[]): boolean =>
        made.some((each) => names(each).has(side));
      expect(has(scaled?.kernels ?? []), side).toBe(has([...plan.kernels, few]));
    }
    expect((kernel?.tiles.btc.length ?? 0) > 1).toBe((full?.tiles.btc.length ?? 0) > 1);
    // More weight tiles than slots, so that a slot is filled again after its use.
    const trips = (axis: string): number =>
      kernel?.axes.find((one) => one.name === axis)?.trips ?? 1;
    const read = (spec.layer.experts / spec.mesh.ep) * trips("bf") * trips("bd");
    if (read > 2) expect(kernel?.tiles.slots).toBeLessThan(read);
  });

  it.each([1, 2, 4, 8])("at ep %i", async (ep) => {
    const plan = await planOf(name);
    const schedule = schedules[plan.schedule as keyof typeof schedules];
    const { spec, tokens } = scaleSpec(plan, schedule, ep);
    expect(judge(spec, { schedules, devices }).plan?.mesh.ep).toBe(ep);
    expect(tokens % ep).toBe(0);
  });
});

describe("quantised weights stay", () => {
  it.each([
    ["per_channel" as const, { hidden: 512, intermediate: 256 }],
    ["blocks_128x128" as const, { hidden: 512, intermediate: 256 }],
    // Half of F is a tile of F, and a tile has whole blocks of scales.
    [
      { kind: "sub_channel" as const, block: 512 },
      { hidden: 512, intermediate: 1024 },
    ],
  ])("%j", (granularity, sizes) => {
    const spec = moe({
      name: "quantised",
      layer: {
        experts: 64,
        topK: 8,
        hidden: 4096,
        intermediate: 2048,
        activation: "silu",
        sharedExperts: { count: 1, intermediate: 2048 },
        quantization: { weights: "float8_e4m3fn", granularity },
        routing: { where: "given" },
      },
      mesh: { ep: 8 },
      devices: ["v7x"],
      schedule: {
        kind: "gather",
        tiles: { all: { upTo: 64, bt: 16, bf: 512, bd: 4096 } },
      },
    });
    const { plan } = judge(spec, { schedules, devices });
    if (plan === undefined) throw new Error("the spec does not check");
    const scaled = scaleSpec(plan, schedules.gather, 2).spec;
    const { findings } = judge(scaled, { schedules, devices });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(scaled.layer).toMatchObject(sizes);
    expect(scaled.layer.quantization).toEqual(spec.layer.quantization);
  });
});

describe("what a layer has beside its experts stays", () => {
  const features = {
    name: "features",
    layer: {
      experts: 64,
      topK: 8,
      hidden: 2880,
      intermediate: 2880,
      activation: "silu",
      biases: true,
      sharedExperts: { count: 3, intermediate: 512, gate: "sigmoid" },
      redundantExperts: 8,
      routing: { where: "given" },
    },
    mesh: { ep: 8, axes: ["data", "tensor"], tokenAxes: ["data"] },
    devices: ["v6e"],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: 64, bt: 16, bf: 960, bd: 2880 } },
    },
  } as const;

  it.each([
    [1, 128],
    [2, 192],
    [4, 384],
    [8, 768],
    [32, 768],
  ])("at ep %i", (ep, shared) => {
    const { plan } = judge(moe(features), { schedules, devices });
    if (plan === undefined) throw new Error("the spec does not check");
    const { spec } = scaleSpec(plan, schedules.gather, ep);
    const { findings } = judge(spec, { schedules, devices });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    const { layer, mesh } = spec;
    // 2880 fills 22 tiles of 128 columns and half of one.
    expect([layer.hidden, layer.intermediate]).toEqual([320, 320]);
    expect(layer).toMatchObject({
      biases: true,
      sharedExperts: { count: 2, intermediate: shared, gate: "sigmoid" },
    });
    expect(layer.redundantExperts).toBeGreaterThan(0);
    expect(layer.topK).toBeLessThanOrEqual(layer.experts - (layer.redundantExperts ?? 0));
    expect(mesh).toEqual({ ...features.mesh, ep });
  });
});

describe("shared experts are spread over the devices as they were", () => {
  const layer = {
    experts: 64,
    topK: 8,
    hidden: 1024,
    intermediate: 512,
    activation: "silu",
    routing: { where: "given" },
  } as const;

  // S, ep: least columns of each device, several tiles, of groups of devices, of all devices alike.
  it.each([
    [1024, 8],
    [4096, 8],
    [1024, 16],
    [1536, 8],
    [128, 8],
    [384, 8],
  ])("S %i at ep %i", (intermediate, ep) => {
    const spec = moe({
      name: "spread",
      layer: { ...layer, sharedExperts: { count: 1, intermediate } },
      mesh: { ep },
      devices: ["v6e"],
      schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 512, bd: 1024 } } },
    });
    const { plan } = judge(spec, { schedules, devices });
    if (plan === undefined) throw new Error("the spec does not check");
    const scaled = scaleSpec(plan, schedules.gather, 4).spec;
    const [was, is] = [sharedOf(plan.layer, ep), sharedOf(scaled.layer, 4)];
    const kind = (shared: typeof was, devices: number) => ({
      tiled: shared !== undefined && isTiled(shared, false),
      over: shared?.blocks === devices ? "all" : shared?.blocks === 1 ? "none" : "groups",
    });
    expect(kind(is, 4)).toEqual(kind(was, ep));
  });
});
