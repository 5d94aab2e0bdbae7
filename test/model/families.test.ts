/** Every family's config gives the layer that its modelling code computes, or is refused by name. */
import { describe, expect, test } from "vitest";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { moe } from "../../src/index.ts";
import { more } from "./published/more.ts";
import { qwen } from "./published/qwen.ts";
import { sigmoid } from "./published/sigmoid.ts";
import { softmax } from "./published/softmax.ts";

const problemsOf = (layer: unknown) => layerOrigin(layer)?.problems ?? [];
const read = (config: object, overrides = {}) => moe.fromHuggingFace({ ...config }, overrides);

describe("published configs", () => {
  test.each(Object.entries({ ...qwen, ...sigmoid, ...more, ...softmax }))(
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

const SIZES = {
  hidden_size: 4096,
  moe_intermediate_size: 2048,
  intermediate_size: 2048,
  num_experts_per_tok: 2,
  num_experts: 16,
  num_local_experts: 16,
  n_routed_experts: 16,
};

interface Refused {
  readonly config: object;
  readonly says: string;
  /** What the problem names as its answer, and the override that is it; none: no override answers. */
  readonly answer?: { readonly named: string; readonly overrides: object };
}

const given = {
  named: 'routing: { where: "given" }',
  overrides: { routing: { where: "given" } },
};
const outside = { named: 'sharedExperts: "outside"', overrides: { sharedExperts: "outside" } };
const silu = { named: "silu", overrides: { activation: "silu" } };

const refused: Readonly<Record<string, Refused>> = {
  "Llama-4: scores on the input": {
    config: { architectures: ["Llama4ForConditionalGeneration"], text_config: SIZES },
    says: "Llama-4 multiplies an expert's input by its score",
  },
  "Nemotron-3: no gate": {
    config: { architectures: ["NemotronHForCausalLM"], mlp_hidden_act: "relu2" },
    says: "Nemotron's experts are up, relu2 and down without a gate",
  },
  "DeepSeek-V4: square root of softplus, stated or its class's": {
    config: { architectures: ["DeepseekV4ForCausalLM"] },
    says: 'scoring_func "sqrtsoftplus" is not a scoring the kernel has',
    answer: given,
  },
  "LongCat: identity experts, 256 in its class": {
    config: { architectures: ["LongcatFlashForCausalLM"], expert_ffn_hidden_size: 2048 },
    says: "256 more experts that the router may choose return the token as it is",
    answer: given,
  },
  "Phi-3.5-MoE: sparsemixer": {
    config: { architectures: ["PhiMoEForCausalLM"] },
    says: "Phi-MoE's sparsemixer masks logits",
    answer: given,
  },
  "DBRX: a norm that is no sum": {
    config: {
      architectures: ["DbrxForCausalLM"],
      d_model: 64,
      ffn_config: {
        moe_num_experts: 16,
        moe_top_k: 4,
        ffn_hidden_size: 256,
        moe_normalize_expert_weights: 2,
      },
    },
    says: "weights are divided by their 2-norm",
    answer: given,
  },
  "DeepSeek-V2 renormalised: not agreed on": {
    config: { architectures: ["DeepseekV2ForCausalLM"], norm_topk_prob: true },
    says: "norm_topk_prob is not in transformers' DeepSeek-V2",
    answer: given,
  },
  "Step: layers that clamp after silu": {
    config: {
      architectures: ["Step3p5ForCausalLM"],
      swiglu_limits: [0, null, 7],
      share_expert_dim: 0,
    },
    says: "layers 2 (7) clamp silu's result",
    answer: silu,
  },
  "Step: shared experts that clamp after silu": {
    config: { architectures: ["Step3p5ForCausalLM"], swiglu_limits_shared: [0, 0, 16] },
    says: "the shared expert of layers 2 (16) clamps silu's result",
    answer: outside,
  },
  "Ling-3: layers that clamp after silu": {
    config: {
      architectures: ["BailingMoeV3ForCausalLM"],
      expert_swiglu_limit_list: [0, 0, 0, 10],
    },
    says: "layers 3 (10) clamp silu's result",
    answer: silu,
  },
  "Ling: routers by modality": {
    config: { architectures: ["BailingMoeV3ForCausalLM"], router_type: "MultiRouter" },
    says: "tokens of text, images and audio have routers",
    answer: given,
  },
  "Hy4: the shared expert does not clamp": {
    config: { architectures: ["HYV4ForCausalLM"] },
    says: "the experts clamp gate and up, the shared ones do not",
    answer: outside,
  },
  "Laguna with scores on the input": {
    config: {
      architectures: ["LagunaForCausalLM"],
      moe_apply_router_weight_on_input: true,
    },
    says: "scores multiply an expert's input",
  },
  "an activation that is not the kernel's": {
    config: { architectures: ["MixtralForCausalLM"], hidden_act: "relu2" },
    says: 'hidden_act "relu2" is not an activation the kernel has',
    answer: silu,
  },
};

describe("refused by name, with what answers it", () => {
  test.each(Object.entries(refused))("%s", (_name, { config, says, answer }) => {
    const problems = problemsOf(read({ ...SIZES, ...config }));
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
    if (answer === undefined) {
      expect(problems[0]?.nearest).toEqual([]);
      return;
    }
    expect(problems[0]?.nearest).toContain(answer.named);
    expect(problemsOf(read({ ...SIZES, ...config }, answer.overrides))).toEqual([]);
  });

  test("Kimi-K3: its activation, and shared experts that take other rows than the routed ones", () => {
    const config = {
      architectures: ["KimiK3ForConditionalGeneration"],
      text_config: {
        architectures: ["KimiLinearForCausalLM"],
        hidden_act: "situ",
        hidden_size: 7168,
        moe_intermediate_size: 3072,
        num_experts: 896,
        num_experts_per_token: 16,
        num_shared_experts: 2,
        routed_expert_hidden_size: 3584,
      },
    };
    const layer = read(config);
    expect(layer).toMatchObject({ experts: 896, topK: 16, hidden: 3584, intermediate: 3072 });
    expect(problemsOf(layer).map(({ configField }) => configField)).toEqual([
      "text_config.routed_expert_hidden_size",
      "text_config.hidden_act",
    ]);
    const answered = read(config, { activation: "silu", sharedExperts: "outside" });
    expect(problemsOf(answered)).toEqual([]);
  });
});

test("what a model needs around its layer is noted", () => {
  const notesOf = (config: object): string =>
    (layerOrigin(read({ ...SIZES, ...config }))?.notes ?? []).join("; ");
  const gemma = { architectures: ["Gemma4ForCausalLM"], top_k_experts: 8 };
  expect(notesOf(gemma)).toContain("router.per_expert_scale multiplies an expert's result");
  const v4 = { architectures: ["DeepseekV4ForCausalLM"], num_hash_layers: 2 };
  expect(notesOf(v4)).toContain("the first 2 layers take their experts from the token's id");
  expect(notesOf({ ...v4, num_hash_layers: 0 })).toBe("");
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
      text_config: { ...qwen3, num_experts: 128 },
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

  test("dense layers are not counted", () => {
    const config = { ...SIZES, architectures: ["Qwen3MoeForCausalLM"], num_hidden_layers: 12 };
    const layersOf = (more: object) => layerOrigin(read({ ...config, ...more }))?.layers;
    expect(layersOf({ decoder_sparse_step: 2 })).toBe(6);
    expect(layersOf({ mlp_only_layers: [0, 1, 2] })).toBe(9);
    expect(layersOf({})).toBe(12);
  });
});

describe("an architecture that is not known", () => {
  const architectures = ["MyMoeForCausalLM"];
  const codesOf = (layer: unknown) => problemsOf(layer).map(({ code }) => code);
  const whole = {
    experts: 16,
    topK: 2,
    hidden: 4096,
    intermediate: 2048,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
  } as const;

  test("is MOE301, unless overrides say the whole layer", () => {
    expect(codesOf(read({ ...SIZES, architectures }))).toEqual(["MOE301"]);
    const { routing: _, ...most } = whole;
    expect(codesOf(read({ architectures }, most))).toEqual(["MOE301"]);
    const layer = read({ architectures, torch_dtype: "float32" }, whole);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({ ...whole, dtype: "float32", weights: "fused" });
  });

  test("keeps its checkpoint's format, which overrides of the sizes do not answer", () => {
    const quantization_config = { quant_method: "awq", bits: 4 };
    expect(codesOf(read({ architectures, quantization_config }, whole))).toEqual(["MOE306"]);
  });

  test("is guessed where that is asked for, every guess named", () => {
    const config = {
      architectures,
      hidden_size: 4096,
      moe_intermediate_size: 1024,
      n_routed_experts: 64,
      n_shared_experts: 2,
      num_experts_per_tok: 6,
      num_hidden_layers: 30,
      first_k_dense_replace: 1,
      routed_scaling_factor: 2.5,
      topk_method: "noaux_tc",
    };
    const layer = read(config, { guess: true });
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 64,
      topK: 6,
      hidden: 4096,
      intermediate: 1024,
      activation: "silu",
      dtype: "bfloat16",
      weights: "fused",
      routing: {
        where: "kernel",
        scoring: "sigmoid",
        renormalize: true,
        scalingFactor: 2.5,
        correctionBias: true,
      },
      sharedExperts: { count: 2, intermediate: 1024 },
    });
    expect(layerOrigin(layer)?.layers).toBe(29);
    expect(layerOrigin(layer)?.notes).toEqual([
      "guessed: experts are gate, up and down projections without biases",
      'guessed: activation "silu": no hidden_act',
      'guessed: a correction bias: topk_method is "noaux_tc"',
      'guessed: scoring "sigmoid", as beside every bias for the choice: no field names it',
      "guessed: weights are divided by their sum: no field says it",
      "guessed: shared experts are added plainly, without a gate",
      "guessed: a shared expert is of the routed ones' size",
    ]);
  });

  test("has no size guessed", () => {
    const layer = read({ architectures, num_experts: 64 }, { guess: true });
    expect(new Set(codesOf(layer))).toEqual(new Set(["MOE302"]));
  });

  test("a known one is read as it is, guess or not", () => {
    const config = { ...SIZES, architectures: ["Qwen3MoeForCausalLM"] };
    expect(read(config, { guess: true })).toEqual(read(config));
  });
});
