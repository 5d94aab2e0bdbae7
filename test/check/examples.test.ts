/** The examples are sound, with the schedules and devices there are. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { expertMemory } from "../../src/lower/hbm.ts";

const folder = new URL("../../examples/", import.meta.url);
const specs = readdirSync(folder).filter((file) => file.endsWith(".moe.ts"));

test("there are the models that the project names", () => {
  expect(specs.sort()).toEqual([
    "deepseek-v3-fp8.moe.ts",
    "deepseek-v3.moe.ts",
    "deepseek-v4-flash.moe.ts",
    "gemma-4-26b-a4b.moe.ts",
    "glm-5-fp8.moe.ts",
    "gpt-oss-120b-fp4.moe.ts",
    "gpt-oss-120b.moe.ts",
    "grok-2-fp8.moe.ts",
    "grok-2.moe.ts",
    "kimi-k2.5.moe.ts",
    "ling-flash-2.0.moe.ts",
    "ling-mini-2.0-int8.moe.ts",
    "ling-mini-2.0.moe.ts",
    "llama-4-scout.moe.ts",
    "longcat-flash.moe.ts",
    "mimo-v2-flash.moe.ts",
    "minimax-m2.5.moe.ts",
    "mixtral-8x7b-runs.moe.ts",
    "mixtral-8x7b.moe.ts",
    "nemotron-3-nano.moe.ts",
    "qwen2-57b-a14b.moe.ts",
    "qwen3-235b-a22b-ep16.moe.ts",
    "qwen3-235b-a22b-ep8.moe.ts",
    "qwen3-235b-a22b-fp8.moe.ts",
    "qwen3-30b-a3b-auto.moe.ts",
    "qwen3-30b-a3b-ep1.moe.ts",
    "qwen3-30b-a3b-fp8.moe.ts",
    "qwen3-30b-a3b.moe.ts",
    "qwen3-next-80b-a3b.moe.ts",
    "qwen3.5-35b-a3b.moe.ts",
  ]);
});

test.each(specs)("%s has no diagnostics, and a kernel for each bucket and device", async (file) => {
  const { diagnostics, plan, loaded } = await checkFile(new URL(file, folder).pathname);
  expect(diagnostics).toEqual([]);
  const buckets = Object.keys(loaded?.spec.schedule.tiles ?? {});
  const expected = buckets.flatMap((bucket) =>
    (loaded?.spec.devices ?? []).map((device) => ({ bucket, device })),
  );
  expect(plan?.kernels.map(({ bucket, device }) => ({ bucket, device }))).toEqual(expected);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

/** examples/README.md says so, and why. */
const TOO_SMALL: Readonly<Record<string, readonly string[]>> = { "grok-2.moe.ts": ["v5e", "v6e"] };

test.each(specs)(
  "%s names devices whose HBM holds its experts, as its README says",
  async (file) => {
    const { loaded } = await checkFile(new URL(file, folder).pathname);
    if (loaded === undefined) expect.unreachable("it does not load");
    const { layer, mesh, devices, schedule } = loaded.spec;
    const { schedules, devices: kinds } = registries;
    const layers = layerOrigin(layer)?.layers;
    const using = { schedule: schedules[schedule.kind], devices: kinds };
    const memory = expertMemory(layer, mesh, layers, using);
    const small = memory.devices.filter(
      ({ device, enough }) => enough === false && (devices as readonly string[]).includes(device),
    );
    expect(small.map(({ device }) => device)).toEqual(TOO_SMALL[file] ?? []);
  },
);
