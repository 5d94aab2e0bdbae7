/** Every family's config gives the layer that its modelling code computes. */
import { describe, expect, test } from "vitest";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { more } from "./published/more.ts";
import { qwen } from "./published/qwen.ts";
import { said } from "./published/said.ts";
import { sigmoid } from "./published/sigmoid.ts";
import { softmax } from "./published/softmax.ts";
import { problemsOf, read, SIZES } from "./read.ts";

describe("published configs", () => {
  test.each(Object.entries({ ...qwen, ...sigmoid, ...more, ...softmax, ...said }))(
    "%s",
    (_name, { config, layer, layers }) => {
      const found = read(config);
      expect(problemsOf(found)).toEqual([]);
      expect(found).toEqual({
        activation: "silu",
        dtype: "bfloat16",
        weights: "fused",
        ...layer,
      });
      expect(layerOrigin(found)?.layers).toBe(layers);
    },
  );
});

test("what a model needs around its layer is noted", () => {
  const notesOf = (config: object): string =>
    (layerOrigin(read({ ...SIZES, ...config }))?.notes ?? []).join("; ");
  const gemma = { architectures: ["Gemma4ForCausalLM"], top_k_experts: 8 };
  expect(notesOf(gemma)).toContain("router.per_expert_scale multiplies an expert's result");
  const v4 = { architectures: ["DeepseekV4ForCausalLM"], num_hash_layers: 2 };
  expect(notesOf(v4)).toContain("layers 0 to 1 take their experts from the token's id");
  expect(notesOf({ ...v4, num_hash_layers: 0 })).toBe("");
  const k3 = { architectures: ["KimiK3ForConditionalGeneration"], num_experts_per_token: 8 };
  const latent = { ...k3, routed_expert_hidden_size: 512 };
  expect(notesOf(k3)).toBe("");
  expect(notesOf(latent)).toContain("projections into and out of the latent rows");
  expect(notesOf(latent)).not.toContain("shared experts");
  expect(notesOf({ ...latent, num_shared_experts: 2 })).toContain(
    "shared experts are the caller's",
  );
  const grok = { architectures: ["Grok1ForCausalLM"], residual_moe: true };
  expect(notesOf(grok)).toContain("residual_moe");
});

describe("files as they are", () => {
  const qwen3 = { ...SIZES, hidden_act: "silu", norm_topk_prob: true };

  test("of several architectures the first that is known counts", () => {
    const layer = read({ ...qwen3, architectures: ["MyQwen3Moe", "Qwen3MoeForCausalLM"] });
    expect(problemsOf(layer)).toEqual([]);
    expect(layerOrigin(layer)?.architecture).toBe("Qwen3MoeForCausalLM");
  });

  test("an unknown class of a known model type is read as that type, as transformers does", () => {
    const architectures = ["Qwen3MoeForSequenceClassification"];
    const layer = read({ ...qwen3, architectures, model_type: "qwen3_moe" });
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.routing).toMatchObject({ scoring: "softmax", renormalize: true });
  });

  test("the nested part alone is read: not the whole model's sizes, but its quantisation", () => {
    const layer = read({
      architectures: ["Qwen3VLMoeForConditionalGeneration"],
      hidden_size: 1,
      num_experts: 1,
      quantization_config: { quant_method: "mxfp4" },
      torch_dtype: "float32",
      text_config: { ...qwen3, num_experts: 128, num_local_experts: 128 },
    });
    expect(problemsOf(layer)).toEqual([]);
    expect(layer).toMatchObject({ experts: 128, hidden: 4096, dtype: "float32" });
    expect(layer.quantization).toHaveProperty("weights", "float4_e2m1fn");
  });

  test("of two quantisations, the nested one is refused by name", () => {
    const quantization_config = { quant_method: "mxfp4" };
    const layer = read({
      architectures: ["Qwen3VLMoeForConditionalGeneration"],
      quantization_config,
      text_config: { ...qwen3, quantization_config },
    });
    expect(problemsOf(layer)).toMatchObject([
      { code: "MOE306", configField: "text_config.quantization_config" },
    ]);
  });

  test("a missing size of a nested config is one of the config, with its place in the file", () => {
    const layer = read({
      architectures: ["Qwen3_5MoeForConditionalGeneration"],
      text_config: { ...qwen3, moe_intermediate_size: "512" },
    });
    expect(problemsOf(layer)).toMatchObject([
      { code: "MOE302", configField: "text_config.moe_intermediate_size" },
    ]);
  });

  test("sizes that differ between layers are told, with those there are", () => {
    const layer = read({
      ...SIZES,
      architectures: ["HunYuanMoEV1ForCausalLM"],
      moe_topk: [8, 4, 8],
    });
    expect(problemsOf(layer)).toMatchObject([
      { code: "MOE302", configField: "moe_topk", nearest: ["8", "4"] },
    ]);
    const architectures = ["HunYuanMoEV1ForCausalLM"];
    const fixed = read({ ...SIZES, architectures, moe_topk: [8, 4, 8] }, { topK: 8 });
    expect(problemsOf(fixed)).toEqual([]);
  });

  test("a flag that is neither true nor false is told, not taken for its default", () => {
    const layer = read({
      ...SIZES,
      architectures: ["Qwen3MoeForCausalLM"],
      norm_topk_prob: "true",
    });
    expect(problemsOf(layer)).toMatchObject([{ code: "MOE305", configField: "norm_topk_prob" }]);
  });

  test("gelu is its exact form, as transformers has it; Grok's code fixes the tanh form", () => {
    const exact = read({ ...SIZES, architectures: ["MixtralForCausalLM"], hidden_act: "gelu" });
    expect(exact.activation).toBe("gelu_erf");
    const grok = read({ ...SIZES, architectures: ["Grok1ForCausalLM"], hidden_act: "gelu" });
    expect(grok.activation).toBe("gelu");
  });

  test("a norm of null is not one that is left out (DBRX)", () => {
    const sizes = { moe_num_experts: 16, moe_top_k: 4, ffn_hidden_size: 256 };
    const renormalized = (more: object) =>
      read({
        architectures: ["DbrxForCausalLM"],
        d_model: 64,
        ffn_config: { ...sizes, ...more },
      }).routing;
    expect(renormalized({})).toHaveProperty("renormalize", true);
    const none = renormalized({ moe_normalize_expert_weights: null });
    expect(none).toHaveProperty("renormalize", false);
  });

  test("dense layers are not counted", () => {
    const config = { ...SIZES, architectures: ["Qwen3MoeForCausalLM"], num_hidden_layers: 12 };
    const layersOf = (more: object) => layerOrigin(read({ ...config, ...more }))?.layers;
    expect(layersOf({ decoder_sparse_step: 2 })).toBe(6);
    expect(layersOf({ mlp_only_layers: [0, 1, 2] })).toBe(9);
    expect(layersOf({})).toBe(12);
  });
});
