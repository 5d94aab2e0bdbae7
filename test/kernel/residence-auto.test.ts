/** Tiles of weights that `auto` takes where passes may overlap: by what they are predicted to take. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import type { KernelPlan } from "../../src/plan/plan.ts";
import { auto } from "../../src/spec/choice.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";

const LAYER = {
  activation: "silu",
  dtype: "bfloat16",
  weights: "separate",
  routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
} as const;

/** Sizes of GPT-OSS-120B, D and F made whole, and of Grok-2. */
const GPT_OSS: LayerSpec = {
  ...{ ...LAYER, experts: 128, topK: 4, hidden: 3072, intermediate: 3072, biases: true },
  quantization: {
    weights: "float4_e2m1fn",
    granularity: { kind: "sub_channel", block: 512 },
    scales: "float32",
  },
};
const GROK: LayerSpec = { ...LAYER, experts: 8, topK: 2, hidden: 8192, intermediate: 16384 };

function kernelOf(layer: LayerSpec, device: string, bucket: Partial<BucketSpec>): KernelPlan {
  const all: BucketSpec = { upTo: 8192, bt: 64, bf: auto, bd: auto, rows: "two passes", ...bucket };
  const { plan, findings } = judge(
    {
      ...{ name: "auto", layer, mesh: { ep: 8, axes: ["expert"] }, devices: [device] },
      schedule: { kind: "gather", tiles: { all } },
      emit: { reference: false },
    },
    registries,
  );
  const kernel = plan?.kernels[0];
  if (kernel === undefined) throw new Error(JSON.stringify(findings));
  return kernel;
}

test("narrower tiles with more of them on their way, before D is cut", () => {
  const { tiles, passes } = kernelOf(GPT_OSS, "v7x", {});
  expect([tiles.bf, tiles.bd]).toEqual([512, 3072]);
  expect(tiles.slots).toBeGreaterThan(2);
  expect([tiles.own.passes_at_once, passes]).toEqual([2, 8]);
});

test("D is cut where only that leaves room for slots", () => {
  const { tiles } = kernelOf(GROK, "v7x", { bt: 128 });
  // Fewer columns than a matrix unit has would leave room for a less cut D.
  expect([tiles.bf, tiles.bd]).toEqual([256, 2048]);
  expect(tiles.slots).toBeGreaterThan(2);
});

test("passes follow each other where a device has one expert: nothing goes beside it", () => {
  const { tiles } = kernelOf(GROK, "v6e", { bt: 128, bf: 128, bd: 2048 });
  expect(tiles.own.passes_at_once).toBe(1);
});
