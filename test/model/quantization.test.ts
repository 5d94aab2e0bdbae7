/** `quantization_config`: what the checkpoint's experts are, or a diagnostic that says why not. */
import { describe, expect, test } from "vitest";
import deepseekV3 from "../../examples/configs/deepseek-v3.json" with { type: "json" };
import gptOss from "../../examples/configs/gpt-oss-120b.json" with { type: "json" };
import ling from "../../examples/configs/ling-mini-2.0.json" with { type: "json" };
import qwen2 from "../../examples/configs/qwen2-57b-a14b.json" with { type: "json" };
import qwen3 from "../../examples/configs/qwen3-30b-a3b.json" with { type: "json" };
import qwen3Fp8 from "../../examples/configs/qwen3-235b-a22b-fp8.json" with { type: "json" };
import { layerOrigin } from "../../src/dsl/brand.ts";
import { moe } from "../../src/index.ts";

const quantized = (quantization_config: unknown, config: object = qwen3) =>
  moe.fromHuggingFace({ ...config, quantization_config });
const problemsOf = (layer: unknown): readonly string[] =>
  (layerOrigin(layer)?.problems ?? []).map(({ code, message }) => `${code} ${message}`);

const compressed = (weights: object, more: object = {}): object => ({
  quant_method: "compressed-tensors",
  config_groups: { group_0: { targets: ["Linear"], weights: { symmetric: true, ...weights } } },
  ...more,
});

describe("published checkpoints", () => {
  test.each([
    ["DeepSeek-V3", deepseekV3],
    ["Qwen3-235B-A22B-FP8", qwen3Fp8],
  ])("%s: e4m3 in blocks of 128 x 128", (_, config) => {
    const layer = moe.fromHuggingFace(config);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({
      weights: "float8_e4m3fn",
      granularity: "blocks_128x128",
      scales: "float32",
    });
    expect(layerOrigin(layer)?.fields.quantization).toBe("quantization_config.quant_method");
  });

  test("GPT-OSS-120B: MXFP4, a scale for 32 weights", () => {
    const layer = moe.fromHuggingFace(gptOss);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({
      weights: "float4_e2m1fn",
      granularity: { kind: "sub_channel", block: 32 },
      scales: "float8_e8m0fnu",
    });
  });

  test("DeepSeek-V4-Flash: MXFP4 experts beside float8 shared ones", () => {
    const layer = moe.fromHuggingFace({
      architectures: ["DeepseekV4ForCausalLM"],
      expert_dtype: "fp4",
      hidden_size: 4096,
      moe_intermediate_size: 2048,
      n_routed_experts: 256,
      n_shared_experts: 1,
      num_experts_per_tok: 6,
      quantization_config: {
        activation_scheme: "dynamic",
        fmt: "e4m3",
        quant_method: "fp8",
        scale_fmt: "ue8m0",
        weight_block_size: [128, 128],
      },
    });
    expect(problemsOf(layer)).toEqual([]);
    const scales = "float32";
    expect(layer.quantization).toEqual({
      weights: "float4_e2m1fn",
      granularity: { kind: "sub_channel", block: 32 },
      scales: "float8_e8m0fnu",
    });
    expect(layer.sharedExperts?.quantization).toEqual({
      weights: "float8_e4m3fn",
      granularity: "blocks_128x128",
      scales,
    });
  });

  test("experts of a multimodal model, by the names that they have there", () => {
    const quantization = { quant_method: "modelopt", quant_algo: "NVFP4" };
    const sizes = { ...qwen3, num_hidden_layers: 2 };
    const gemma = (ignore: readonly string[]) =>
      moe.fromHuggingFace({
        architectures: ["Gemma4ForConditionalGeneration"],
        quantization_config: { ...quantization, ignore },
        text_config: { ...sizes, top_k_experts: 8 },
      });
    // The dense MLP is beside the experts, not around them.
    const mlp = gemma(["model.language_model.layers.0.mlp*", "model.language_model.layers.1.mlp*"]);
    expect(problemsOf(mlp)).toEqual([]);
    expect(mlp.quantization).toHaveProperty("checkpoint", "nvfp4");
    const experts = gemma(["model.language_model.layers.*.experts*"]);
    expect(problemsOf(experts)).toEqual([]);
    expect(experts).not.toHaveProperty("quantization");
  });

  test.each([
    [{ num_bits: 8, type: "int", strategy: "channel" }, "int8", "per_channel"],
    [{ num_bits: 8, type: "float", strategy: "channel" }, "float8_e4m3fn", "per_channel"],
    [
      { num_bits: 4, type: "int", strategy: "group", group_size: 128 },
      "int4",
      { kind: "sub_channel", block: 128 },
    ],
    [
      { num_bits: 8, type: "float", strategy: "block", block_structure: [128, 128] },
      "float8_e4m3fn",
      "blocks_128x128",
    ],
  ])("compressed-tensors %o", (weights, type, granularity) => {
    const layer = quantized(compressed(weights));
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({ weights: type, granularity, scales: "float32" });
  });

  test("experts that are left as they are", () => {
    const weights = { num_bits: 8, type: "int", strategy: "channel" };
    const layer = quantized(compressed(weights, { ignore: ["lm_head", "re:.*mlp.experts.*"] }));
    expect(problemsOf(layer)).toEqual([]);
    expect(layer).not.toHaveProperty("quantization");
  });
});

describe("shared experts", () => {
  const weights = compressed({ num_bits: 8, type: "int", strategy: "channel" });
  const shared = (ignore: readonly string[], config: object) =>
    quantized({ ...weights, ignore }, config).sharedExperts;

  test("that are left as they are stay so; a gate of their result is no expert", () => {
    expect(shared(["re:.*mlp.shared_experts.*"], ling)).toEqual({
      count: 1,
      intermediate: 512,
      quantization: "none",
    });
    expect(shared(["re:.*mlp.shared_expert_gate$"], qwen2)).not.toHaveProperty("quantization");
    expect(shared([], ling)).not.toHaveProperty("quantization");
  });
});

describe("what is not read is said", () => {
  test.each([
    [{ quant_method: "awq" }, "weights of nothing bits, a scale for nothing of them"],
    [{ quant_method: "hqq" }, 'the method "hqq"'],
    ["fp8", '"fp8"'],
    [{ quant_method: "fp8", weight_block_size: [64, 128] }, "fp8 with a scale for [64,128]"],
    [{ quant_method: "fp8", fmt: "e3m4" }, 'fp8 of the format "e3m4"'],
    [{ quant_method: "compressed-tensors" }, "compressed-tensors with 0 groups of layers"],
    [
      compressed({ num_bits: 8, type: "int", strategy: "group", group_size: 32, symmetric: false }),
      'compressed-tensors, 8 bits of type "int" by "group" with zero points',
    ],
    [
      compressed({ num_bits: 4, type: "float", strategy: "tensor_group" }),
      'compressed-tensors, 4 bits of type "float" by "tensor_group"',
    ],
  ])("%o", (config, says) => {
    const layer = quantized(config);
    expect(problemsOf(layer)).toEqual([
      `MOE306 quantization_config has ${says}, which the kernel does not take`,
    ]);
    expect(layer).not.toHaveProperty("quantization");
  });

  test("an override answers it", () => {
    const config = { ...qwen3, quantization_config: { quant_method: "awq" } };
    const plain = moe.fromHuggingFace(config, { quantization: "none" });
    expect(problemsOf(plain)).toEqual([]);
    expect(plain).not.toHaveProperty("quantization");
    const quantization = { weights: "int4", granularity: "per_channel" } as const;
    const given = moe.fromHuggingFace(config, { quantization });
    expect(problemsOf(given)).toEqual([]);
    expect(given.quantization).toEqual(quantization);
  });
});
