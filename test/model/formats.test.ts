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
    [int4({}, { input_activations: { num_bits: 8, dynamic: false } }), `${what} with input_act`],
    [int4({}, { targets: ["re:.*self_attn.*"] }), `${what} for the modules ["re:.*self_attn.*"]`],
    [int4({}, {}, { transform_config: { r1: {} } }), `${what} with transform_config {"r1":{}}`],
    [int4({}, {}, { sparsity_config: { format: "2:4" } }), `${what} with sparsity_config`],
    [int4({}, {}, { format: "marlin-24" }), `${what} with format "marlin-24"`],
    [int4({}, {}, { constructor: 1 }), `${what} with constructor 1`],
    [
      { quantization_config: { ...FP8, activation_scheme: "static" } },
      "fp8 with activation_scheme",
    ],
    [{ quantization_config: { ...FP8, scale_fmt: "e3m4" } }, 'fp8 with scale_fmt "e3m4"'],
    [{ quantization_config: { ...FP8, fmt: "constructor" } }, 'fp8 of the format "constructor"'],
    [{ quantization_config: { quant_method: "mxfp4", dequantize: true } }, "mxfp4 with dequantize"],
    [{ quantization_config: { quant_method: "toString" } }, 'the method "toString"'],
    [
      { quantization_config: { quant_method: "modelopt", quant_algo: "NVFP4" } },
      'the method "modelopt", NVFP4',
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
    [
      int4(
        { type: "float", group_size: 32, scale_dtype: "torch.uint8" },
        { format: "mxfp4-pack-quantized" },
        { format: "mxfp4-pack-quantized" },
      ),
      { weights: "float4_e2m1fn", granularity: { kind: "sub_channel", block: 32 } },
    ],
  ])("%j is understood", (config, quantization) => {
    const layer = read(config);
    expect(problemsOf(layer)).toEqual([]);
    expect(layer.quantization).toEqual({ ...quantization, scales: "float32" });
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
      modelopt({ quant_algo: "NVFP4", group_size: 16, exclude_modules: ["lm_head"] }),
      "hf_quant_config.json",
      '"NVFP4", a scale for 16 weights',
    ],
    [modelopt({ quant_algo: "FP8" }), "hf_quant_config.json", '"FP8"'],
    [
      modelopt({ quant_algo: "MIXED_PRECISION", quantized_layers: {} }),
      "hf_quant_config.json",
      '"MIXED_PRECISION"',
    ],
    [
      { bits: 4, group_size: 128, desc_act: false },
      "quantize_config.json",
      "weights of 4 bits, a scale for 128 of them",
    ],
    [
      { w_bit: 4, q_group_size: 128, zero_point: true },
      "quant_config.json",
      "weights of 4 bits, a scale for 128 of them",
    ],
    ["nvfp4", "quantConfig", '"nvfp4"'],
  ])("%j", (quantConfig, where, what) => {
    expect(problemsOf(read({}, { quantConfig }))).toEqual([refusal(where, what)]);
    expect(problemsOf(read({}, { quantConfig, quantization: "none" }))).toEqual([]);
    expect(read({}, { quantConfig })).not.toHaveProperty("quantConfig");
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
