/** Results of all entries in HBM: what the plan says of them, and that a call makes its copies. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { movedOfPlanned } from "./moved.ts";
import { LAYER } from "./resident-layer.ts";

function specOf(layer: Partial<LayerSpec>, bucket: Partial<BucketSpec>, ep = 8): MoeSpec {
  const tile = { upTo: 8192, bt: 128, bf: 256, bd: 4096 };
  return {
    name: "results",
    layer: { ...LAYER, ...layer },
    mesh: { ep, axes: ["expert"] },
    devices: ["v7x"],
    schedule: {
      kind: "gather",
      tiles: { all: { ...tile, rows: "hbm with results", ...bucket } },
    },
    emit: { reference: true },
  };
}

function planOf(layer: Partial<LayerSpec>, bucket: Partial<BucketSpec> = {}): Plan {
  const { plan, findings } = judge(specOf(layer, bucket), registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

const only = ({ kernels: [kernel] }: Plan): KernelPlan => {
  if (kernel === undefined) throw new Error("no kernel");
  return kernel;
};

test("a block's results go to HBM side by side, and nothing of the next one waits for them", async () => {
  const plan = planOf({ wire: { dispatch: "int8", combine: "int8" } }, { passTokens: 512 });
  const { passes, tiles } = only(plan);
  expect(passes).toBe(2);
  const { buffers, streams, stages } = allOf(only(plan));
  const of = (name: string) => {
    const { space, shape } = buffers.find((buffer) => buffer.name === name) ?? {};
    return [space, shape];
  };
  // Of two passes: four entries of 4096 tokens, and a group begun for each block of rows.
  const blocks = 8 + (4096 * 4) / (tiles.own.row_block ?? 0) + 1;
  expect(of("entry_results")).toEqual(["HBM", [2, (4096 * 4 + 16 * Math.floor(blocks)) * 32, 128]]);
  expect(of("block_results")).toEqual(["VMEM", [8 * 16 * 32, 128]]);
  // Chunks of 64 tokens and one that pads are of: an entry has four at most, and what pads a list.
  expect(of("result_entries")).toEqual(["SMEM", [2, (4096 / 64 + 1) * (64 * 4 + 8)]]);
  // As many tokens, and a row that what pads a list is added to.
  expect(of("staged_sums")).toEqual(["VMEM", [65 * 33, 128]]);
  const names = new Set(streams.map(({ name }) => name));
  const gone = ["sums_in", "sums_back", "zeros_out", "part_sums_in"];
  expect(gone.filter((name) => names.has(name))).toEqual([]);
  const at = (name: string): number => stages.findIndex((stage) => stage.name === name);
  const places = ["activation", "list_results", "await_results", "combine", "keep_results"];
  const found = [...places, "last_results", "reduce_scatter"].map(at);
  expect(found).toEqual([...found].sort((a, b) => a - b));
  const files = await emitPackage(plan);
  const transport = files.get("results/transport.py") ?? "";
  expect(transport).toContain("r.token_sums[held, :] += r.staged_results[slot, staged, :]");
  expect(files.get("results/kernel.py")).not.toContain("clear_sums");
});

test("results are added up within the steps of the reduce-scatter, batch by batch of each chunk", () => {
  const plan = planOf({ wire: { dispatch: "int8", combine: "int8" } }, { passTokens: 512 });
  const { stages } = allOf(only(plan));
  const of = (name: string) => stages.find((stage) => stage.name === name);
  const summed = of("sum_results");
  expect(summed?.turn).toEqual({ of: "leaving", at: "within" });
  expect(of("reduce_scatter")?.relays?.parts?.summed).toBe("sum_results");
  // In each of two passes 64 chunks of 64 tokens: 4,096 * 4 / 8 results, at most 32 a batch, in groups of 8.
  expect(summed?.loopTrips).toEqual([2 * 64, (2 * 2048) / 8]);
  expect(of("reduce_scatter")?.loopTrips).toHaveLength(3);
});

test("the lists of results bound a pass by what SMEM has", () => {
  const { plan } = judge(specOf({ topK: 8 }, { upTo: 32_768 }), registries);
  if (plan === undefined) throw new Error("no plan");
  const { passes, smem } = only(plan);
  expect(passes).toBeGreaterThan(1);
  expect(smem.used).toBeLessThanOrEqual(smem.available);
});

test("shared experts and one device are refused by name", () => {
  const said = (spec: MoeSpec) =>
    judge(spec, registries).findings.map(({ code, message, nearest }) => [code, message, nearest]);
  const shared = specOf({ sharedExperts: { count: 1, intermediate: 1024 } }, {});
  expect(said(shared)).toEqual([
    [
      "MOE144",
      'rows = "hbm with results" with shared experts',
      ["hbm", "hbm with sums", "two passes", "vmem"],
    ],
  ]);
  expect(said(specOf({}, {}, 1))).toEqual([
    [
      "MOE144",
      'rows = "hbm with results" with one device',
      ["hbm", "hbm with sums", "two passes", "vmem"],
    ],
  ]);
});

test("a call makes every copy of the plan", () => {
  const plan = planOf({});
  const moved = movedOfPlanned(plan, only(plan));
  const names = ["results_out", "results_in", "entries_in", "lists_in", "own_sums_in", "parts_in"];
  for (const name of [...names, "part_sums_back", "parts_packed", "gate_up_in", "down_in"]) {
    expect(moved.get(name), name).toBeCloseTo(1, 2);
  }
});
