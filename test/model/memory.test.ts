/** Which devices hold the experts of the published models: the arithmetic, on figures worked out by hand. */
import { expect, test } from "vitest";
import deepseekV3 from "../../examples/configs/deepseek-v3.json" with { type: "json" };
import qwen2 from "../../examples/configs/qwen2-57b-a14b.json" with { type: "json" };
import qwen3 from "../../examples/configs/qwen3-235b-a22b.json" with { type: "json" };
import { layerOrigin } from "../../src/dsl/brand.ts";
import { moe } from "../../src/index.ts";
import { deviceWeights, expertMemory } from "../../src/lower/hbm.ts";
import { schedules } from "../../src/schedule/registry.ts";
import { devices } from "../../src/target/device/registry.ts";

const registries = { schedule: schedules.gather, devices };
const MiB = 2 ** 20;

test("Qwen3-235B-A22B on 8 devices: 94 layers of 16 experts need 52.9 GiB", () => {
  const layer = moe.fromHuggingFace(qwen3);
  const memory = expertMemory(layer, { ep: 8 }, layerOrigin(layer)?.layers, registries);
  // 3 matrices of 4096 x 1536 in bfloat16 are 36 MiB.
  expect(memory).toMatchObject({ total: 16 * 36 * MiB, shared: 0, layers: 94 });
  const enough = memory.devices.filter((one) => one.enough).map(({ device }) => device);
  expect(enough).toEqual(["v5p", "v7x"]);
  expect(memory.devices.find(({ device }) => device === "v6e")?.layersHeld).toBe(56);
});

test("shared experts are cut over the devices where each gets whole lanes, else they are on all", () => {
  const gated = moe.fromHuggingFace(qwen2);
  // 20480 columns are 2560 for each of 8; 3 matrices of 3584 rows, and a float32 gate.
  expect(deviceWeights(gated, { ep: 8 }, schedules.gather).shared).toBe(
    3 * 3584 * 2560 * 2 + 3584 * 4,
  );
  const deepseek = moe.fromHuggingFace(deepseekV3, { quantization: "none" });
  expect(deviceWeights(deepseek, { ep: 16 }, schedules.gather).shared).toBe(3 * 7168 * 128 * 2);
  // 2048 columns are 64 for each of 32: less than a register.
  expect(deviceWeights(deepseek, { ep: 32 }, schedules.gather).shared).toBe(3 * 7168 * 2048 * 2);
  expect(layerOrigin(deepseek)?.layers).toBe(58);
});

test("without a config there is no number of layers, and no verdict", () => {
  const layer = { ...moe.fromHuggingFace(qwen3) };
  const memory = expertMemory(layer, { ep: 8 }, layerOrigin(layer)?.layers, registries);
  expect(memory.layers).toBeNull();
  expect(memory.devices.every(({ enough }) => enough === null)).toBe(true);
});
