/** A checkpoint's format is understood or refused by name, never passed over. */
import { describe, expect, test } from "vitest";
import qwen3 from "../../examples/configs/qwen3-30b-a3b.json" with { type: "json" };
import { layerOrigin } from "../../src/dsl/brand.ts";
import { type LayerOverrides, moe } from "../../src/index.ts";

const read = (config: object, overrides?: LayerOverrides) =>
  moe.fromHuggingFace({ ...qwen3, ...config }, overrides);
const problemsOf = (layer: unknown): readonly string[] =>
  (layerOrigin(layer)?.problems ?? []).map(({ code, message }) => `${code} ${message}`);
const refusal = (where: string, what: string): string =>
  `MOE306 ${where} has ${what}, which the kernel does not take`;

const WEIGHTS = { num_bits: 4, type: "int", strategy: "group", group_size: 128, symmetric: true };
const INT4 = { weights: "int4", granularity: { kind: "sub_channel", block: 128 } };
const INT8 = { weights: "int8", granularity: { kind: "sub_channel", block: 128 } };
const CHANNELS = { weights: "float8_e4m3fn", granularity: "per_channel" };
const NVFP4 = { ...CHANNELS, checkpoint: "nvfp4" };
const FP8 = { quant_method: "fp8", fmt: "e4m3", weight_block_size: [128, 128] };

const int4 = (weights: object = {}, group: object = {}, more: object = {}): object => ({
  quantization_config: {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: {
      group_0: { targets: ["Linear"], weights: { ...WEIGHTS, ...weights }, ...group },
    },
    ...more,
  },
});

describe("every key counts", () => {
  const what = 'compressed-tensors, 4 bits of type "int" by "group"';
  test.each<readonly [object, string]>([
    [int4({ actorder: "group" }), `${what} with actorder "group"`],
    [int4({ actorder: true }), `${what} with actorder true`],
    [int4({ dynamic: true }), `${what} with dynamic true`],
    [int4({ scale_dtype: "torch.uint8" }), `${what} with scale_dtype "torch.uint8"`],
    [int4({ rotation: 3 }), `${what} with rotation 3`],
    [int4({}, { input_activations: "int8" }), `${what} with input_act`],
    [int4({}, { targets: ["re:.*self_attn.*"] }), `${what} for the modules ["re:.*self_attn.*"]`],
    [int4({}, {}, { transform_config: { r1: {} } }), `${what} with transform_config {"r1":{}}`],
    [int4({}, {}, { sparsity_config: { format: "2:4" } }), `${what} with sparsity_config`],
    [int4({}, {}, { format: "marlin-24" }), `${what} with format "marlin-24"`],
    [int4({}, {}, { constructor: 1 }), `${what} with constructor 1`],
    [{ quantization_config: { ...FP8, activation_scheme: "none" } }, "fp8 with activation_scheme"],
    [{ quantization_config: { ...FP8, scale_fmt: "e3m4" } }, 'fp8 with scale_fmt "e3m4"'],
    [{ quantization_config: { ...FP8, fmt: "constructor" } }, 'fp8 of the format "constructor"'],
    [{ quantization_config: { quant_method: "mxfp4", dequantize: true } }, "mxfp4 with dequantize"],
    [{ quantization_config: { quant_method: "toString" } }, 'the method "toString"'],
    [{ quantization_config: { quant_method: "modelopt", quant_algo: "NVFP4_AWQ" } }, '"NVFP4_AWQ"'],
    [
      { quantization_config: { quant_method: "modelopt", quant_algo: "NVFP4", group_size: 32 } },
      '"NVFP4", a scale for 32 weights',
    ],
    [
      { quantization_config: { quant_method: "gptq", bits: 4, group_size: 128, desc_act: true } },
      "weights of 4 bits with desc_act: a group's weights lie apart",
    ],
    [
      { quantization_config: { quant_method: "gptq", bits: 3, group_size: 128 } },
      "weights of 3 bits, a scale for 128 of them",
    ],
    [
      { quantization_config: { quant_method: "gptq", bits: 4, group_size: 128, dynamic: {} } },
      "weights of 4 bits with dynamic {}",
    ],
  ])("%j", (config, says) => {
    const layer = read(config);
    expect(problemsOf(layer)).toHaveLength(1);
    expect(problemsOf(layer)[0]).toContain(`MOE306 quantization_config has ${says}`);
    expect(layer).not.toHaveProperty("quantization");
    expect(problemsOf(read(config, { quantization: "none" }))).toEqual([]);
  });

  test.each<readonly [object, object]>([
    [int4({ actorder: null, observer: "minmax", observer_kwargs: {}, dynamic: false }), INT4],
    [int4({ actorder: "static" }), INT4],
    [int4({}, { input_activations: null, output_activations: null, format: null }), INT4],
    [int4({}, { targets: ["re:.*mlp.experts.*"] }), INT4],
    [int4({}, {}, { kv_cache_scheme: { num_bits: 8 }, quantization_status: "compressed" }), INT4],
    [
      { quantization_config: { ...FP8, fmt: "float8_e4m3fn", activation_scheme: "dynamic" } },
      { weights: "float8_e4m3fn", granularity: "blocks_128x128" },
    ],
    [{ quantization_config: { quant_method: "fp8", activation_scheme: "static" } }, CHANNELS],
    [
      { quantization_config: { quant_method: "fp8", fmt: "e5m2", weight_block_size: null } },
      { weights: "float8_e5m2", granularity: "per_channel" },
    ],
    [
      { quantization_config: { ...FP8, weight_block_size: [1, 32], scale_fmt: "ue8m0" } },
      {
        weights: "float8_e4m3fn",
        granularity: { kind: "sub_channel", block: 32 },
        scales: "float8_e8m0fnu",
      },
    ],
    [int4({ symmetric: false }), INT8],
    [int4({ num_bits: 8, type: "float", strategy: "tensor" }), CHANNELS],
    [
      int4(
        { num_bits: 8, type: "float", group_size: 32, scale_dtype: "torch.uint8" },
        {},
        { format: "mxfp8-quantized" },
      ),
      {
        weights: "float8_e4m3fn",
        granularity: { kind: "sub_channel", block: 32 },
        scales: "float8_e8m0fnu",
      },
    ],
    [
      int4(
        { type: "float", strategy: "tensor_group", group_size: 16, observer: "static_minmax" },
        { format: "nvfp4-pack-quantized", input_activations: { num_bits: 4, dynamic: "local" } },
        { format: "nvfp4-pack-quantized" },
      ),
      NVFP4,
    ],
    [
      int4(
        { type: "float", group_size: 32, scale_dtype: "torch.uint8" },
        { format: "mxfp4-pack-quantized" },
        { format: "mxfp4-pack-quantized" },
      ),
      {
        weights: "float4_e2m1fn",
        granularity: { kind: "sub_channel", block: 32 },
        scales: "float8_e8m0fnu",
      },
    ],
  ])("%j is understood", (config, quantization) => {
    const layer = read(config);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({ scales: "float32", ...quantization });
  });
});

describe("fields beside quantization_config", () => {
  test.each<readonly [object, string]>([
    [{ quantization: { group_size: 64, bits: 4 } }, "quantization"],
    [{ compression_config: { quant_method: "compressed-tensors" } }, "compression_config"],
    [{ expert_dtype: "fp4" }, "expert_dtype"],
    [{ text_config: { quantization_config: FP8 } }, "text_config.quantization_config"],
  ])("%j", (config, field) => {
    expect(problemsOf(read(config))[0]).toContain(`MOE306 the config has the field ${field} (`);
  });

  test.each([{ quantization_config: null }, { quantization: null }, { use_quant: false }])(
    "%j says nothing",
    (config) => {
      const layer = read(config);
      expect(problemsOf(layer)).toEqual([]);
      expect(layer).not.toHaveProperty("quantization");
    },
  );
});

describe("a file beside the config", () => {
  const modelopt = (quantization: object): object => ({ producer: {}, quantization });

  test.each<readonly [unknown, string, string]>([
    [
      modelopt({ quant_algo: "W4A8_AWQ", group_size: 128 }),
      "hf_quant_config.json",
      '"W4A8_AWQ", a scale for 128 weights',
    ],
    [
      modelopt({ quant_algo: "MIXED_PRECISION", quantized_layers: {} }),
      "hf_quant_config.json",
      '"MIXED_PRECISION" without quantized_layers',
    ],
    [
      modelopt({
        quant_algo: "MIXED_PRECISION",
        quantized_layers: { "model.layers.0.mlp.experts": { quant_algo: "NVFP4" } },
      }),
      "hf_quant_config.json",
      '"NVFP4" for some of its experts (model.layers.0.mlp.experts)',
    ],
    [
      { bits: 4, group_size: 128, desc_act: true },
      "quantize_config.json",
      "weights of 4 bits with desc_act: a group's weights lie apart",
    ],
    [
      { w_bit: 3, q_group_size: 128, zero_point: true },
      "quant_config.json",
      "weights of 3 bits, a scale for 128 of them",
    ],
    ["nvfp4", "quantConfig", '"nvfp4"'],
  ])("%j", (quantConfig, where, what) => {
    expect(problemsOf(read({}, { quantConfig }))).toEqual([refusal(where, what)]);
    expect(problemsOf(read({}, { quantConfig, quantization: "none" }))).toEqual([]);
    expect(read({}, { quantConfig })).not.toHaveProperty("quantConfig");
  });

  const layers = (of: object) =>
    Object.fromEntries(
      Array.from({ length: 48 }, (_, layer) => [`model.layers.${layer}.mlp.experts`, of]),
    );

  test.each<readonly [unknown, object]>([
    [modelopt({ quant_algo: "NVFP4", group_size: 16, exclude_modules: ["lm_head"] }), NVFP4],
    [
      modelopt({ quant_algo: "MIXED_PRECISION", quantized_layers: layers({ quant_algo: "FP8" }) }),
      CHANNELS,
    ],
    [modelopt({ quant_algo: "FP8" }), CHANNELS],
    [{ bits: 4, group_size: 128, desc_act: false, sym: true }, INT4],
    [{ bits: 4, group_size: 128, sym: false }, INT8],
    [{ w_bit: 4, q_group_size: 128, zero_point: true }, INT8],
  ])("%j is understood, with what its loader must do", (quantConfig, quantization) => {
    const layer = read({}, { quantConfig });
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({ scales: "float32", ...quantization });
    expect(layerOrigin(layer)?.notes).toHaveLength(1);
  });

  test("and quantization_config may say the same, not another", () => {
    const quantConfig = modelopt({ quant_algo: "NVFP4", group_size: 16 });
    const own = { quant_method: "modelopt", quant_algo: "NVFP4" };
    const same = read({ quantization_config: own }, { quantConfig });
    expect(problemsOf(same)).toEqual([]);
    expect(same.quantization).toMatchObject(NVFP4);
    expect(problemsOf(read({ quantization_config: FP8 }, { quantConfig }))).toEqual([
      refusal("hf_quant_config.json", "another quantisation than quantization_config"),
    ]);
  });

  test("that leaves all experts as they are, or quantises a cache alone, says nothing of them", () => {
    for (const quantization of [
      { quant_algo: null, kv_cache_quant_algo: "FP8" },
      { quant_algo: "FP8", exclude_modules: ["model.layers.*.mlp.experts*"] },
    ]) {
      expect(problemsOf(read({}, { quantConfig: modelopt(quantization) }))).toEqual([]);
    }
  });
});

describe("modules left as they are", () => {
  const all = (module: string): readonly string[] =>
    Array.from({ length: 48 }, (_, layer) => `model.layers.${layer}.mlp.${module}`);
  const ignoring = (ignore: unknown, config: object = {}) =>
    read({ ...config, ...int4({}, {}, { ignore }) });

  test.each<readonly [readonly string[], object?]>([
    [["lm_head", "re:.*mlp.gate$", "re:.*self_attn.*"]],
    [["re:.*mlp\\.(gate|up|gate_up|down)_proj.*", "re:.*shared_experts.*"]],
    [["model.layers.48.mlp.experts.0.up_proj", "mtp.layers.0.mlp.experts"]],
    [["model.layers.0*", "model.layers.1.*"], { first_k_dense_replace: 2, num_hidden_layers: 9 }],
    [["model.layers.3.mlp.experts"], { mlp_only_layers: [3] }],
    [["model.layers.3.mlp.gate"]],
  ])("%j: none of the routed experts", (ignore, config) => {
    const layer = ignoring(ignore, config);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toMatchObject(INT4);
  });

  test.each<readonly [readonly string[]]>([
    [["re:.*mlp.experts.*"]],
    [["re:.*mlp.*"]],
    [["model.layers.*.mlp.experts*"]],
    [["mlp.experts"]],
    [all("experts")],
    [[...all("experts.gate_up_proj"), ...all("experts.down_proj")]],
  ])("%j: all of them, which are plain", (ignore) => {
    const layer = ignoring(ignore);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer).not.toHaveProperty("quantization");
  });

  test.each<readonly [unknown, string]>([
    [
      ["lm_head", "model.layers.47.mlp.experts.3.down_proj"],
      "some of its experts left as they are (model.layers.47.mlp.experts.3.down_proj)",
    ],
    [["model.layers.1*"], "some of its experts left as they are (model.layers.1*)"],
    [["re:.*down_proj"], "some of its experts left as they are (re:.*down_proj)"],
    [
      all("shared_experts").slice(1),
      "some of its shared experts left as they are (model.layers.1.mlp.shared_experts)",
    ],
    [["layers.1.ffn.experts"], "experts named otherwise than here (layers.1.ffn.experts)"],
    [["re:(a*)*experts"], 'the pattern "re:(a*)*experts"'],
    [["re:["], 'the pattern "re:["'],
    ["experts", 'ignore "experts"'],
    [[3], "ignore [3]"],
  ])("%j: said", (ignore, what) => {
    const layer = ignoring(ignore);
    expect(problemsOf(layer)).toEqual([refusal("quantization_config", what)]);
    expect(layer).not.toHaveProperty("quantization");
  });
});
