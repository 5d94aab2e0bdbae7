/** What a config says of its layers is whole numbers, lists and names that fit it, or is refused by name. */
import { describe, expect, test } from "vitest";
import { kindsIn } from "../../src/cli/init/kinds.ts";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { problemsOf, read, SIZES } from "./read.ts";

const DEPTH = 6;
const model = (architecture: string) => ({
  ...SIZES,
  architectures: [architecture],
  num_hidden_layers: DEPTH,
});

const deepseek = model("DeepseekV3ForCausalLM");
const v4 = model("DeepseekV4ForCausalLM");
const mimo = model("MiMoV2FlashForCausalLM");
const qwen = model("Qwen3MoeForCausalLM");
const llama = model("Llama4ForCausalLM");
const step = { ...model("Step3p7ForCausalLM"), share_expert_dim: 0 };
const ernie = model("Ernie4_5_MoeForCausalLM");
const jamba = model("JambaForCausalLM");
const lfm = model("Lfm2MoeForCausalLM");
const glm = model("Glm4MoeForCausalLM");
const nemotron = { ...model("NemotronHForCausalLM"), n_shared_experts: 0 };

const whole = (name: string, value: string, least: number, most: number) =>
  `${name} is ${value}, not a whole number from ${least} to ${most}`;

const NUMBERS: readonly (readonly [object, string, number, number])[] = [
  [v4, "num_hash_layers", 0, DEPTH],
  [qwen, "num_hidden_layers", 1, 1000],
  [deepseek, "first_k_dense_replace", 0, DEPTH - 1],
  [deepseek, "moe_layer_freq", 1, DEPTH],
  [qwen, "decoder_sparse_step", 1, DEPTH],
  [llama, "interleave_moe_layer_step", 1, DEPTH],
  [step, "first_k_dense_replace", 0, DEPTH - 1],
  [ernie, "moe_layer_start_index", 0, DEPTH - 1],
  [ernie, "moe_layer_end_index", -1, DEPTH - 1],
  [ernie, "moe_layer_interval", 1, DEPTH],
  [jamba, "expert_layer_period", 1, DEPTH],
  [jamba, "expert_layer_offset", 0, 1],
  [lfm, "num_dense_layers", 0, DEPTH - 1],
];

const LISTS: readonly (readonly [object, object, string])[] = [
  [mimo, { moe_layer_freq: [0, 1, 1] }, "moe_layer_freq has 3 entries, the model has 6 layers"],
  [
    mimo,
    { moe_layer_freq: [0, 1, 1, 2, 1, 1] },
    "moe_layer_freq of layer 3 is 2, which is none of 0, 1, false, true",
  ],
  [mimo, { moe_layer_freq: [0, 0, 0, 0, 0, 0] }, "none of the config's 6 layers has experts"],
  [
    mimo,
    { moe_layer_freq: 2 },
    "moe_layer_freq is 2, which this architecture's code does not read",
  ],
  [
    glm,
    { mlp_layer_types: ["dense", "sparse", "moe", "sparse", "sparse", "sparse"] },
    'mlp_layer_types of layer 2 is "moe", which is none of "dense", "sparse"',
  ],
  [glm, { mlp_layer_types: 3 }, "mlp_layer_types is 3, not a list with an entry a layer"],
  [
    v4,
    { mlp_layer_types: ["hash_moe", "dense", "moe", "moe", "moe", "moe"] },
    'mlp_layer_types of layer 1 is "dense", which is none of "hash_moe", "moe"',
  ],
  [qwen, { mlp_only_layers: [0, 6] }, "mlp_only_layers names layer 6, the model has layers 0 to 5"],
  [
    qwen,
    { mlp_only_layers: ["0"] },
    'mlp_only_layers names layer "0", the model has layers 0 to 5',
  ],
  [qwen, { mlp_only_layers: 0 }, "mlp_only_layers is 0, not a list of layers"],
  [llama, { moe_layers: [1, 1.5] }, "moe_layers names layer 1.5, the model has layers 0 to 5"],
  [llama, { moe_layers: [] }, "none of the config's 6 layers has experts"],
  [
    step,
    { moe_layers_enum: "1,x" },
    'moe_layers_enum names layer "x", the model has layers 0 to 5',
  ],
  [step, { moe_layers_enum: "" }, "none of the config's 6 layers has experts"],
  [step, { moe_layers_enum: 3 }, "moe_layers_enum is 3, not a list of layers"],
  [
    nemotron,
    { hybrid_override_pattern: "MEM*E" },
    "hybrid_override_pattern has 5 entries, the model has 6 layers",
  ],
  [
    nemotron,
    { hybrid_override_pattern: "MEM*Ex" },
    'hybrid_override_pattern of layer 5 is "x", which is none of',
  ],
  [nemotron, {}, "none of the config's 6 layers has experts"],
  [step, { swiglu_limits: 7 }, "swiglu_limits is 7, not a list of limits"],
  [step, { swiglu_limits: [0, "7"] }, 'swiglu_limits of layer 1 is "7", not a limit'],
  [
    step,
    { swiglu_limits_shared: [-1], share_expert_dim: 128 },
    "swiglu_limits_shared of layer 0 is -1, not a limit",
  ],
];

describe("a count of layers", () => {
  const wrong = NUMBERS.flatMap(([config, name, least, most]) =>
    [least - 1, least + 0.5, most + 1, 2 ** 53, Number.NaN, "1", [1]].map((value) => {
      const shown = typeof value === "number" ? String(value) : JSON.stringify(value);
      return [config, name, value, whole(name, shown, least, most)] as const;
    }),
  )
    // A list is one of flags, which has a test of its own.
    .filter(([, name, value]) => name !== "moe_layer_freq" || !Array.isArray(value));

  test.each(wrong)("of %o, %s: %s", (config, name, value, says) => {
    const problems = problemsOf(read({ ...config, [name]: value }));
    expect(problems.map(({ code, message }) => [code, message])).toContainEqual(["MOE305", says]);
    expect(problems.filter(({ configField }) => configField === name)).toHaveLength(1);
  });

  test("proposes the nearest that fits", () => {
    const nearest = (value: number) =>
      problemsOf(read({ ...v4, num_hash_layers: value }))[0]?.nearest;
    expect([-2, 2.5, 99, Number.NaN].map(nearest)).toEqual([["0"], ["3"], ["6"], []]);
  });
});

describe("a list of layers", () => {
  test.each(LISTS)("%o with %o", (config, more, says) => {
    const [problem, ...others] = problemsOf(read({ ...config, ...more }));
    expect(problem?.code).toBe("MOE305");
    expect(problem?.message).toContain(says);
    expect(others).toEqual([]);
  });

  test("may name the layers that draft, which are none of the model", () => {
    const sparseOf = (config: object) => layerOrigin(read(config))?.sparse;
    const flags = { moe_layer_freq: [0, 1, 1, 1, 1, 1, 1] };
    expect(sparseOf({ ...mimo, ...flags, num_nextn_predict_layers: 1 })).toEqual([1, 2, 3, 4, 5]);
    expect(sparseOf({ ...mimo, ...flags })).toBeUndefined();
    const enumerated = { moe_layers_enum: "3, 4,5,7,", num_nextn_predict_layers: 3 };
    expect(sparseOf({ ...step, ...enumerated })).toEqual([3, 4, 5]);
  });
});

test("hashed layers are those that mlp_layer_types names, where it does", () => {
  const types = ["moe", "hash_moe", "moe", "moe", "moe", "moe"];
  const kinds = kindsIn({ ...v4, mlp_layer_types: types, num_hash_layers: 3 }, {});
  expect(kinds.map(({ at, layer }) => [at, layer.routing.where])).toEqual([
    [[0, 2, 3, 4, 5], "kernel"],
    [[1], "given"],
  ]);
});

test("Ling's limits are the layer's own", () => {
  const ling = {
    ...model("BailingMoeV3ForCausalLM"),
    expert_swiglu_limit_list: [0, 0, 0, 10, 10, 10],
    share_expert_swiglu_limit_list: [0, 0, 0, 0, 0, 5],
  };
  const clamped = (limit: number) => ({ kind: "silu_clamped", limit });
  const activations = [1, 3, 5].map((at) => {
    const { activation, sharedExperts } = read(ling, { at });
    return [activation, sharedExperts?.activation];
  });
  expect(activations).toEqual([
    ["silu", undefined],
    [clamped(10), "silu"],
    [clamped(10), clamped(5)],
  ]);
});

test("sizes by layer are numbers, one for each", () => {
  const sizes = (moe_intermediate_size: unknown) => ({ ...qwen, moe_intermediate_size });
  const says = (size: unknown, at?: number) =>
    problemsOf(read(sizes(size), at === undefined ? {} : { at })).map(({ message }) => message);
  expect(says([256, 256])).toEqual(["moe_intermediate_size has 2 entries, the model has 6 layers"]);
  expect(says([0, 1, 2, "3", 4, 5], 3)).toEqual([
    'moe_intermediate_size of layer 3 is "3", not a number',
  ]);
  expect(says([256, 256, 256, 256, 256, 256])).toEqual([]);
});

/** What a config says twice or against itself: code, field, and a part of the message. */
const CONTRADICTIONS: readonly (readonly [object, object, string, string, string])[] = [
  [qwen, { num_experts: 8 }, "MOE302", "num_local_experts", "num_experts is 8, num_local_experts"],
  [
    model("GptOssForCausalLM"),
    { experts_per_token: 4 },
    "MOE302",
    "experts_per_token",
    "num_experts_per_tok is 2, experts_per_token is 4: two names of one figure",
  ],
  [
    qwen,
    { torch_dtype: "bfloat16", dtype: "float32" },
    "MOE305",
    "dtype",
    'dtype is "float32", torch_dtype is "bfloat16"',
  ],
  [
    step,
    { moe_router_activation: "softmax", scoring_func: "sigmoid" },
    "MOE303",
    "moe_router_activation",
    "two scorings",
  ],
  [mimo, { topk_method: "noaux" }, "MOE303", "topk_method", 'topk_method "noaux" is none of'],
  [mimo, { n_group: -1 }, "MOE303", "n_group", "1 of -1 groups of experts cannot be kept"],
  [mimo, { n_group: Number.NaN }, "MOE303", "n_group", "1 of NaN groups of experts"],
  [deepseek, { n_group: 8, topk_group: 9 }, "MOE303", "n_group", "9 of 8 groups of experts"],
  [mimo, { topk_group: 2.5 }, "MOE303", "topk_group", "2.5 of 1 groups of experts"],
  [nemotron, { hybrid_override_pattern: "MEM*EE", mlp_bias: true }, "MOE307", "mlp_bias", "biases"],
  [
    { ...model("Gemma4ForCausalLM"), top_k_experts: 2 },
    { enable_moe_block: false },
    "MOE307",
    "enable_moe_block",
    "no layer of the model has experts",
  ],
  [v4, { expert_dtype: false }, "MOE306", "expert_dtype", "the field expert_dtype (false)"],
  [v4, { expert_dtype: {} }, "MOE306", "expert_dtype", "the field expert_dtype ({})"],
  [qwen, { mlp_only_layers: "8" }, "MOE305", "mlp_only_layers", 'is "8", not a list of layers'],
  [qwen, { hidden_act: "constructor" }, "MOE305", "hidden_act", 'hidden_act "constructor"'],
];

test.each(CONTRADICTIONS)("%o with %o is %s at %s", (config, more, code, configField, says) => {
  const [problem, ...others] = problemsOf(read({ ...config, ...more }));
  expect(problem).toMatchObject({ code, configField });
  expect(problem?.message).toContain(says);
  expect(others).toEqual([]);
});

test("Kimi has no groups where use_grouped_topk denies them", () => {
  const kimi = { ...model("KimiLinearForCausalLM"), num_expert_group: 8, topk_group: 4 };
  const groupsOf = (more: object) => read({ ...kimi, ...more }).routing;
  expect(groupsOf({ use_grouped_topk: true })).toMatchObject({ groups: { count: 8, kept: 4 } });
  expect(groupsOf({ use_grouped_topk: false })).not.toHaveProperty("groups");
});
