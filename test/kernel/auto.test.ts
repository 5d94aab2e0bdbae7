/** What `auto` chooses beside tiles by hand: by the seconds that the planner itself goes by, and as it says them. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import type { KernelPlan } from "../../src/plan/plan.ts";
import { schedules } from "../../src/schedule/registry.ts";
import { auto } from "../../src/spec/choice.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { devices } from "../../src/target/device/registry.ts";

const LAYER = {
  hidden: 3072,
  dtype: "bfloat16",
  weights: "separate",
  routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
} as const;

/** As tpu-inference serves GPT-OSS-120B. */
const GPT_OSS: LayerSpec = {
  ...LAYER,
  experts: 128,
  topK: 4,
  intermediate: 3072,
  activation: { kind: "swigluoai", alpha: 1.702, limit: 7 },
  biases: true,
  quantization: {
    weights: "float4_e2m1fn",
    granularity: { kind: "sub_channel", block: 512 },
    scales: "float32",
  },
};

/** As MiniMax-M2's, but for its routing. */
const MINIMAX: LayerSpec = {
  ...LAYER,
  experts: 256,
  topK: 8,
  intermediate: 1536,
  activation: "silu",
  quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
};

const TILES = { bt: auto, bf: auto, bd: auto } as const;

function kernelOf(layer: LayerSpec, ep: number, bucket: BucketSpec): KernelPlan {
  const spec: MoeSpec = {
    name: "chosen",
    layer,
    mesh: { ep, axes: ["expert"] },
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: { only: bucket } },
    emit: { reference: true },
  };
  const { plan, findings } = judge(spec, registries);
  const kernel = plan?.kernels[0];
  if (kernel === undefined) throw new Error(JSON.stringify(findings));
  return kernel;
}

/** What the schedule itself says of the tiles that a kernel has. */
function secondsOf(layer: LayerSpec, ep: number, { tiles, tokens }: KernelPlan): number {
  const { bt, bf, bd, slots } = tiles;
  const found = schedules.gather.seconds?.({
    ...{ layer, ep, tokens, devices: ["v7x"], device: devices.v7x },
    tiles: { bucket: "only", upTo: tokens, bt, bf, bd, slots },
  });
  if (found === undefined) throw new Error("gather predicts seconds");
  return found;
}

test.each([
  ["GPT-OSS-120B, T 2048", GPT_OSS, 8, 2048, { bt: 96, bf: 512, bd: 1536, slots: 3 }],
  ["MiniMax-M2, T 256", MINIMAX, 16, 256, { bt: 64, bf: 768, bd: 3072, slots: 6 }],
] as const)("%s: auto takes hardly longer than by hand", (_name, layer, ep, upTo, byHand) => {
  const chosen = kernelOf(layer, ep, { upTo, ...TILES });
  const other = kernelOf(layer, ep, { upTo, ...byHand });
  expect(chosen.tiles.slots).toBeGreaterThan(2);
  expect(chosen.vmem.used).toBeLessThanOrEqual(chosen.vmem.available);
  expect(secondsOf(layer, ep, chosen)).toBeLessThan(1.04 * secondsOf(layer, ep, other));
});

test("two slots of small tiles wait for each copy: a third takes the room of rows at hand", () => {
  const { tiles } = kernelOf(GPT_OSS, 8, { upTo: 2048, bt: 96, bf: 512, bd: 1536 });
  expect(tiles.slots).toBe(3);
  // Twice an expert's mean stays at hand.
  expect(tiles.own.row_block).toBeGreaterThanOrEqual(128);
});
