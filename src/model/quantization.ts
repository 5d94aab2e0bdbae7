/**
 * Reads `quantization_config`: how a checkpoint's expert weights are quantised, so that the kernel
 * takes them as they are. Scales are counted as float32, which holds every type they come in.
 * Sources: deepseek-ai/DeepSeek-V3, config.json and README_WEIGHTS.md (fp8); openai/gpt-oss,
 * gpt_oss/torch/weights.py (mxfp4); compressed-tensors, quantization/quant_args.py.
 */
import type { Quantization, QuantizedDType } from "../spec/quantization.ts";
import type { ConfigReader } from "./config.ts";

type Dict = Readonly<Record<string, unknown>>;

export interface ReadQuantization {
  readonly quantization: Quantization;
  /** Shared experts are of the layer's dtype, though the routed ones are quantised. */
  readonly sharedPlain: boolean;
  /** The config.json field that said so. */
  readonly field: string;
}

const CONFIG = "quantization_config";
const LAYER_FIELD = "quantization";

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Read = { readonly quantization: Quantization } | { readonly refused: string };

const per = (weights: QuantizedDType, granularity: Quantization["granularity"]): Read => ({
  quantization: { weights, granularity, scales: "float32" },
});

const shown = (value: unknown): string => JSON.stringify(value) ?? "nothing";

/** DeepSeek-V3 and Qwen3-FP8: one scale for a block of 128 x 128. */
function fp8(config: Dict): Read {
  const format = config.fmt ?? "e4m3";
  const weights = { e4m3: "float8_e4m3fn", e5m2: "float8_e5m2" } as const;
  if (format !== "e4m3" && format !== "e5m2") {
    return { refused: `fp8 of the format ${shown(format)}` };
  }
  const block = config.weight_block_size;
  if (shown(block) === "[128,128]") return per(weights[format], "blocks_128x128");
  const size =
    block === undefined || block === null ? "one scale a tensor" : `a scale for ${shown(block)}`;
  return { refused: `fp8 with ${size}` };
}

/** llm-compressor's checkpoints: the weights of the first group of layers. */
function compressedTensors(config: Dict): Read {
  const groups = isDict(config.config_groups) ? Object.values(config.config_groups) : [];
  const [group] = groups;
  if (groups.length !== 1 || !isDict(group) || !isDict(group.weights)) {
    return { refused: `compressed-tensors with ${groups.length} groups of layers` };
  }
  const { num_bits: bits, type, strategy, group_size: size, symmetric } = group.weights;
  const what = `compressed-tensors, ${shown(bits)} bits of type ${shown(type)} by ${shown(strategy)}`;
  if (symmetric === false) return { refused: `${what} with zero points` };
  const kinds: Readonly<Record<string, QuantizedDType>> = {
    "8 float": "float8_e4m3fn",
    "8 int": "int8",
    "4 int": "int4",
  };
  const weights = kinds[`${String(bits)} ${String(type)}`];
  if (weights === undefined) return { refused: what };
  if (strategy === "channel") return per(weights, "per_channel");
  if (strategy === "group" && typeof size === "number") {
    return per(weights, { kind: "sub_channel", block: size });
  }
  if (strategy === "block" && shown(group.weights.block_structure) === "[128,128]") {
    return per(weights, "blocks_128x128");
  }
  return { refused: what };
}

/** OCP microscaling: E2M1 weights, a power of two for 32 neighbours along the contraction. */
const mxfp4 = (): Read => per("float4_e2m1fn", { kind: "sub_channel", block: 32 });

const METHODS: Readonly<Record<string, (config: Dict) => Read>> = {
  fp8,
  mxfp4,
  "compressed-tensors": compressedTensors,
};

/** What the config says of the experts' weights; undefined: nothing, they are of its dtype. */
export function readQuantization(config: ConfigReader): ReadQuantization | undefined {
  const value = config.get(CONFIG);
  if (value === undefined) return undefined;
  const method = isDict(value) ? value.quant_method : undefined;
  const field = `${CONFIG}.quant_method`;
  const read = typeof method === "string" ? METHODS[method] : undefined;
  const result: Read =
    read === undefined || !isDict(value)
      ? { refused: method === undefined ? shown(value) : `the method ${shown(method)}` }
      : read(value);
  if ("refused" in result) {
    config.report({
      code: "MOE306",
      layerField: LAYER_FIELD,
      configField: field,
      message: `${CONFIG} has ${result.refused}, which the kernel does not take`,
      nearest: ['quantization: "none"', 'quantization: { weights: …, granularity: "per_channel" }'],
    });
    return undefined;
  }
  const left = isDict(value) ? leftAsTheyAre(value) : [];
  if (left.some((name) => /(?<!shared_)experts/.test(name))) return undefined;
  // shared_expert_gate is a row of its own.
  const sharedPlain = left.some((name) => /shared_experts?(?!_gate)/.test(name));
  return { quantization: result.quantization, sharedPlain, field };
}

/** Patterns of the modules that are not quantised. */
function leftAsTheyAre(config: Dict): readonly string[] {
  return [config.modules_to_not_convert, config.ignore, config.ignored_layers]
    .flatMap((list): readonly unknown[] => (Array.isArray(list) ? list : []))
    .filter((name) => typeof name === "string");
}
