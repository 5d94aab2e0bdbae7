import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import deepseekV3 from "../../examples/configs/deepseek-v3.json" with { type: "json" };
import gptOss from "../../examples/configs/gpt-oss-120b.json" with { type: "json" };
import grok2 from "../../examples/configs/grok-2.json" with { type: "json" };
import lingFlash from "../../examples/configs/ling-flash-2.0.json" with { type: "json" };
import ling from "../../examples/configs/ling-mini-2.0.json" with { type: "json" };
import mixtral from "../../examples/configs/mixtral-8x7b.json" with { type: "json" };
import qwen2 from "../../examples/configs/qwen2-57b-a14b.json" with { type: "json" };
import qwen3 from "../../examples/configs/qwen3-30b-a3b.json" with { type: "json" };
import qwen3Large from "../../examples/configs/qwen3-235b-a22b.json" with { type: "json" };
import { layerOrigin } from "../../src/dsl/brand.ts";
import { moe } from "../../src/index.ts";
import { knownArchitectures, models } from "../../src/model/registry.ts";

const codesOf = (layer: unknown): readonly string[] =>
  (layerOrigin(layer)?.problems ?? []).map(({ code }) => code);

describe("published configs", () => {
  test("Qwen3-30B-A3B", () => {
    const layer = moe.fromHuggingFace(qwen3);
    expect(layer).toEqual({
      experts: 128,
      topK: 8,
      hidden: 2048,
      intermediate: 768,
      activation: "silu",
      dtype: "bfloat16",
      weights: "fused",
      routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
    });
    expect(codesOf(layer)).toEqual([]);
  });

  test("Grok-2: the experts' width is moe_intermediate_size, the cap is the config's", () => {
    const layer = moe.fromHuggingFace(grok2);
    expect(layer).toMatchObject({
      experts: 8,
      topK: 2,
      hidden: 8192,
      intermediate: 16384,
      activation: "gelu",
      routing: { scoring: "softmax", renormalize: false, logitSoftCap: 30 },
    });
    expect(codesOf(layer)).toEqual([]);
  });

  test("Grok-1: other names for experts and width, the cap by default", () => {
    const layer = moe.fromHuggingFace({
      architectures: ["Grok1ModelForCausalLM"],
      num_experts: 8,
      num_experts_per_tok: 2,
      hidden_size: 6144,
      intermediate_size: 32768,
    });
    expect(layer).toMatchObject({ experts: 8, hidden: 6144, intermediate: 32768 });
    expect(layer.routing).toHaveProperty("logitSoftCap", 30);
    expect(codesOf(layer)).toEqual([]);
  });

  test("Qwen1.5-MoE-A2.7B: not renormalised, a gated shared expert", () => {
    const config = {
      architectures: ["Qwen2MoeForCausalLM"],
      num_experts: 60,
      num_experts_per_tok: 4,
      hidden_size: 2048,
      moe_intermediate_size: 1408,
      shared_expert_intermediate_size: 5632,
      norm_topk_prob: false,
      hidden_act: "silu",
    };
    const layer = moe.fromHuggingFace(config);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toMatchObject({
      routing: { renormalize: false },
      sharedExperts: { count: 1, intermediate: 5632, gate: "sigmoid" },
    });
    const outside = moe.fromHuggingFace(config, { sharedExperts: "outside" });
    expect(codesOf(outside)).toEqual([]);
    expect(outside).not.toHaveProperty("sharedExperts");
  });

  test("Ling-mini-2.0: groups, a bias and a shared expert as published", () => {
    const layer = moe.fromHuggingFace(ling);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toMatchObject({
      experts: 256,
      intermediate: 512,
      routing: {
        scoring: "sigmoid",
        renormalize: true,
        renormEpsilon: 1e-20,
        scalingFactor: 2.5,
        groups: { count: 8, kept: 4, score: "sum_of_top_2" },
        correctionBias: true,
      },
      sharedExperts: { count: 1, intermediate: 512 },
    });
  });

  test("Ling-flash-2.0: its geometry, Ling-mini's routing", () => {
    const layer = moe.fromHuggingFace(lingFlash);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      ...moe.fromHuggingFace(ling),
      hidden: 4096,
      intermediate: 1024,
      sharedExperts: { count: 1, intermediate: 1024 },
    });
  });

  test("Bailing: shared experts of a size of their own", () => {
    const config = { ...ling, num_shared_experts: 2, moe_shared_expert_intermediate_size: 1536 };
    const { sharedExperts } = moe.fromHuggingFace(config);
    expect(sharedExperts).toEqual({ count: 2, intermediate: 1536 });
  });

  test("Qwen2-57B-A14B: not renormalised, one gated shared expert of eight experts' size", () => {
    const layer = moe.fromHuggingFace(qwen2);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 64,
      topK: 8,
      hidden: 3584,
      intermediate: 2560,
      activation: "silu",
      dtype: "bfloat16",
      weights: "fused",
      routing: { where: "kernel", scoring: "softmax", renormalize: false, scalingFactor: 1 },
      sharedExperts: { count: 1, intermediate: 20480, gate: "sigmoid" },
    });
  });

  test("Qwen3-235B-A22B: the smaller one's routing", () => {
    const layer = moe.fromHuggingFace(qwen3Large);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({ ...moe.fromHuggingFace(qwen3), hidden: 4096, intermediate: 1536 });
  });

  test("GPT-OSS-120B: softmax of the chosen, clamps, biases", () => {
    const layer = moe.fromHuggingFace(gptOss, { weights: "side_by_side", quantization: "none" });
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 128,
      topK: 4,
      hidden: 2880,
      intermediate: 2880,
      activation: { kind: "swigluoai", alpha: 1.702, limit: 7 },
      dtype: "bfloat16",
      weights: "side_by_side",
      biases: true,
      routing: {
        where: "kernel",
        scoring: "softmax",
        renormalize: false,
        scalingFactor: 1,
        scoreChosen: true,
      },
    });
  });

  test("Mixtral-8x7B: softmax over all, renormalised", () => {
    const layer = moe.fromHuggingFace(mixtral, { weights: "separate" });
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 8,
      topK: 2,
      hidden: 4096,
      intermediate: 14336,
      activation: "silu",
      dtype: "bfloat16",
      weights: "separate",
      routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
    });
  });

  test("DeepSeek-V3: sigmoid, groups, a bias for the choice, scaled, one shared expert", () => {
    const layer = moe.fromHuggingFace(deepseekV3, { quantization: "none" });
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 256,
      topK: 8,
      hidden: 7168,
      intermediate: 2048,
      activation: "silu",
      dtype: "bfloat16",
      weights: "fused",
      routing: {
        where: "kernel",
        scoring: "sigmoid",
        renormalize: true,
        renormEpsilon: 1e-20,
        scalingFactor: 2.5,
        groups: { count: 8, kept: 4, score: "sum_of_top_2" },
        correctionBias: true,
      },
      sharedExperts: { count: 1, intermediate: 2048 },
    });
  });

  test("Ling-lite (first generation): softmax, plain top-k", () => {
    const layer = moe.fromHuggingFace({
      architectures: ["BailingMoeForCausalLM"],
      num_experts: 64,
      num_experts_per_tok: 6,
      hidden_size: 2048,
      moe_intermediate_size: 1408,
      norm_topk_prob: true,
      num_shared_experts: 2,
    });
    expect(codesOf(layer)).toEqual([]);
    expect(layer.sharedExperts).toEqual({ count: 2, intermediate: 1408 });
    expect(layer.routing).not.toHaveProperty("renormEpsilon");
    expect(layer.routing).toMatchObject({
      scoring: "softmax",
      renormalize: true,
      scalingFactor: 1,
    });
  });
});

test("ERNIE-4.5 divides by no less than its config says", () => {
  const config = {
    architectures: ["Ernie4_5_MoeForCausalLM"],
    hidden_size: 2560,
    moe_intermediate_size: 1536,
    moe_k: 6,
    moe_num_experts: 64,
    num_hidden_layers: 28,
    moe_norm_min: 1e-6,
  };
  const layer = moe.fromHuggingFace(config);
  expect(codesOf(layer)).toEqual([]);
  expect(layer.routing).toMatchObject({ renormEpsilon: { atLeast: 1e-6 } });
  expect(layerOrigin(layer)?.fields["routing.renormEpsilon.atLeast"]).toBe("moe_norm_min");
  expect(codesOf(moe.fromHuggingFace({ ...config, moe_norm_min: "1e-12" }))).toEqual(["MOE302"]);
});

test("an override answers for the field it replaces, and for no other", () => {
  const config = { ...qwen3, torch_dtype: "float16", hidden_act: "relu" };
  expect(codesOf(moe.fromHuggingFace(config, { dtype: "bfloat16" }))).toEqual(["MOE305"]);
  expect(codesOf(moe.fromHuggingFace(config, { dtype: "bfloat16", activation: "silu" }))).toEqual(
    [],
  );
});

test.each([
  null,
  undefined,
  3,
  [],
  { architectures: "Qwen3MoeForCausalLM" },
  { architectures: [7] },
])("a config that is %j is a problem, never a throw", (config) => {
  expect(codesOf(moe.fromHuggingFace(config as never))).toEqual(["MOE301"]);
});

test("a model family is one file and one entry of the registry", () => {
  const folder = new URL("../../src/model/", import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
  const files = readdirSync(folder).filter((file) => / = family\(/.test(read(file)));
  expect(files.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(models).sort());
  const registry = read("registry.ts");
  for (const file of files) expect(registry.split(`"./${file}"`)).toHaveLength(2);
  expect(new Set(knownArchitectures()).size).toBe(knownArchitectures().length);
});
