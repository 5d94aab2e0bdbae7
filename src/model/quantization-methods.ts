/**
 * The quantisation methods that are read. Every key of a method is known here, with what it may say:
 * another key, or another value, is refused by name, for it may change what the weights mean.
 * Sources: deepseek-ai/DeepSeek-V3, config.json and README_WEIGHTS.md (fp8); openai/gpt-oss,
 * gpt_oss/torch/weights.py (mxfp4); compressed-tensors, quantization/quant_args.py, quant_scheme.py
 * and config/format.py; transformers, utils/quantization_config.py.
 */
import { type Dict, isDict } from "../spec/dict.ts";
import type { Quantization, QuantizedDType, ScaleDType } from "../spec/quantization.ts";

/** What a method says of the weights, or why it is not read, in words that go on after "has". */
export type Read =
  | {
      readonly quantization: Quantization;
      /** For the loader. */
      readonly note?: string;
      /** The shared experts are left as they are. Absent: lists of modules say it. */
      readonly sharedPlain?: boolean;
    }
  | { readonly refused: string };

export type Says = (value: unknown) => boolean;
export type Keys = Readonly<Record<string, Says>>;

/** A value in a message, cut where it is long. */
export function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "nothing");
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Scales that are no exponents are counted as float32, which holds every type they come in. */
const per = (
  weights: QuantizedDType,
  granularity: Quantization["granularity"],
  scales: ScaleDType = "float32",
): Read => ({
  quantization: { weights, granularity, scales },
});

/** OCP microscaling: a power of two for 32 neighbours along the contraction, kept as its exponent. */
const microscaled = (weights: QuantizedDType): Read =>
  per(weights, { kind: "sub_channel", block: 32 }, "float8_e8m0fnu");

/** Of E2M1 weights. */
export const MICROSCALED = microscaled("float4_e2m1fn");

/** One scale an array: exactly one scale a channel, all of them the same. */
export const PER_TENSOR: Read = {
  ...per("float8_e4m3fn", "per_channel"),
  note: "a weight array of the checkpoint has one scale: the loader repeats it for each channel",
};

/** E2M1 weights, an e4m3 scale for 16 neighbours and a float32 one for all: no block of the kernel's. */
export const NVFP4: Read = {
  quantization: {
    weights: "float8_e4m3fn",
    granularity: "per_channel",
    scales: "float32",
    checkpoint: "nvfp4",
  },
  note: "the checkpoint's weights are NVFP4: the package's from_nvfp4 makes them float8 and says what that loses; quantization: \"none\" takes them in 16 bits, rounded by 2 ** -9 at most",
};

/** Integers of 4 or 8 bits; those of 4 with zero points are within ±15 of them, which int8 holds. */
export function integers(
  bits: 4 | 8,
  granularity: Quantization["granularity"],
  zeros: boolean,
): Read {
  const note = zeros
    ? "the loader takes each group's zero point from its weights: int8 holds the differences exactly"
    : "the checkpoint's integers count from 0: the loader takes half their range from them";
  return { ...per(bits === 4 && !zeros ? "int4" : "int8", granularity), note };
}

/** Read elsewhere, or without meaning for the experts' weights. */
const any: Says = () => true;
const one =
  (...values: readonly unknown[]): Says =>
  (value) =>
    values.includes(value);
const empty: Says = (value) => isDict(value) && Object.keys(value).length === 0;
const nothing: Says = () => false;

/** The first key that is not understood, as "key value"; one that is null says nothing. */
export function strange(config: Dict, keys: Keys): string | undefined {
  const found = Object.entries(config).find(
    ([key, value]) => value !== null && value !== undefined && !(own(keys, key) ?? nothing)(value),
  );
  return found === undefined ? undefined : `${found[0]} ${shown(found[1])}`;
}

/** A table's own entry: keys are data, "constructor" too. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

const FP8_FORMATS: Readonly<Record<string, QuantizedDType>> = {
  e4m3: "float8_e4m3fn",
  float8_e4m3fn: "float8_e4m3fn",
  e5m2: "float8_e5m2",
  float8_e5m2: "float8_e5m2",
};

const FP8_KEYS: Keys = {
  quant_method: any,
  fmt: any,
  weight_block_size: any,
  // Rows stay as they are here: nothing is lost.
  activation_scheme: one("dynamic", "static"),
  // Powers of two, which float32 holds; of blocks of 32 they stay what they are.
  scale_fmt: one("ue8m0", "float32"),
  is_checkpoint_fp8_serialized: one(true),
  dequantize: one(false),
  modules_to_not_convert: any,
  ignored_layers: any,
  kv_cache_scheme: any,
};

/** DeepSeek-V3 and Qwen3-FP8: one scale for a block of 128 x 128. */
function fp8(config: Dict): Read {
  const format = config.fmt ?? "e4m3";
  const weights = typeof format === "string" ? own(FP8_FORMATS, format) : undefined;
  if (weights === undefined) return { refused: `fp8 of the format ${shown(format)}` };
  const block = config.weight_block_size;
  const exponents = config.scale_fmt === "ue8m0";
  const read =
    exponents && shown(block) === "[1,32]"
      ? microscaled(weights)
      : fp8Blocks(weights, block ?? undefined);
  const odd = strange(config, FP8_KEYS);
  return odd === undefined || "refused" in read ? read : { refused: `fp8 with ${odd}` };
}

function fp8Blocks(weights: QuantizedDType, block: unknown): Read {
  if (block === undefined) return { ...PER_TENSOR, ...per(weights, "per_channel") };
  if (shown(block) === "[128,128]") return per(weights, "blocks_128x128");
  // (N, K) of the checkpoint: a row's neighbours along the contraction (MXFP8: 32 of them).
  const [rows, columns] = Array.isArray(block) ? (block as readonly unknown[]) : [];
  return rows === 1 && typeof columns === "number" && columns > 0
    ? per(weights, { kind: "sub_channel", block: columns })
    : { refused: `fp8 with a scale for ${shown(block)}` };
}

const MXFP4 = "mxfp4-pack-quantized";
const MXFP8 = "mxfp8-quantized";
const MX: ReadonlySet<unknown> = new Set([MXFP4, MXFP8]);
const FORMATS = ["pack-quantized", "int-quantized", "float-quantized", "naive-quantized"];

const COMPRESSED_KEYS: Keys = {
  quant_method: any,
  config_groups: any,
  format: one(...FORMATS, MXFP4, MXFP8, "nvfp4-pack-quantized"),
  ignore: any,
  quantization_status: one("compressed", "frozen"),
  // A figure of the whole file, a cache's format, the writer's version.
  global_compression_ratio: any,
  kv_cache_scheme: any,
  version: any,
  sparsity_config: (value) => empty(value) || (isDict(value) && value.format === "dense"),
  // Rotations of the weights, which the kernel would have to undo.
  transform_config: empty,
};

const GROUP_KEYS: Keys = {
  targets: any,
  weights: any,
  format: COMPRESSED_KEYS.format ?? nothing,
  // Rows stay as they are here.
  input_activations: isDict,
};

const WEIGHT_KEYS: Keys = {
  num_bits: any,
  type: any,
  strategy: any,
  group_size: any,
  block_structure: any,
  symmetric: any,
  // "group" and its old names permute the contraction, so that a group's weights lie apart.
  actorder: one(false, "weight", "static"),
  dynamic: one(false),
  // How scales were found.
  observer: any,
  observer_kwargs: any,
};

const SCALE_TYPES = [
  ...["torch.float32", "torch.bfloat16", "torch.float16"],
  // NVFP4's.
  "torch.float8_e4m3fn",
];

const KINDS: Readonly<Record<string, QuantizedDType>> = {
  "8 float": "float8_e4m3fn",
  "8 int": "int8",
  "4 int": "int4",
};

/** llm-compressor's checkpoints: the weights of the one group of layers. */
function compressedTensors(config: Dict, holdsExperts: HoldsExperts): Read {
  const groups = isDict(config.config_groups) ? Object.values(config.config_groups) : [];
  const [group] = groups;
  if (groups.length !== 1 || !isDict(group) || !isDict(group.weights)) {
    return { refused: `compressed-tensors with ${groups.length} groups of layers` };
  }
  const { num_bits: bits, type, strategy, symmetric } = group.weights;
  const what = `compressed-tensors, ${shown(bits)} bits of type ${shown(type)} by ${shown(strategy)}`;
  const refused = (why: string): Read => ({ refused: `${what}${why}` });
  const zeros = symmetric === false;
  const format = group.format ?? config.format;
  const scaleTypes = MX.has(format) ? ["torch.uint8"] : SCALE_TYPES;
  const weightKeys = { ...WEIGHT_KEYS, scale_dtype: one(...scaleTypes) };
  const odd =
    strange(config, COMPRESSED_KEYS) ??
    strange(group, GROUP_KEYS) ??
    strange(group.weights, weightKeys);
  const read = MX.has(format) ? mxGroup(group.weights) : groupOf(group.weights, zeros);
  if (read === undefined) return refused(zeros ? " with zero points" : "");
  if (odd !== undefined) return refused(` with ${odd}`);
  const { targets } = group;
  return Array.isArray(targets) && (targets.includes("Linear") || holdsExperts(targets))
    ? read
    : refused(` for the modules ${shown(targets)}`);
}

function groupOf(weights: Dict, zeros: boolean): Read | undefined {
  const { num_bits: bits, type, strategy, group_size: size } = weights;
  const name = `${String(bits)} ${String(type)}`;
  if (name === "4 float") {
    return strategy === "tensor_group" && size === 16 && !zeros ? NVFP4 : undefined;
  }
  const kind = own(KINDS, name);
  if (kind === undefined) return undefined;
  if (zeros) {
    const group = strategy === "group" && typeof size === "number" && size > 0;
    return name === "4 int" && group
      ? integers(4, { kind: "sub_channel", block: size }, true)
      : undefined;
  }
  if (strategy === "tensor") return { ...PER_TENSOR, ...per(kind, "per_channel") };
  if (strategy === "channel") return per(kind, "per_channel");
  if (strategy === "group" && typeof size === "number" && size > 0) {
    return per(kind, { kind: "sub_channel", block: size });
  }
  const structure = weights.block_structure;
  const blocks = shown(structure) === "[128,128]" || structure === "128x128";
  return strategy === "block" && blocks ? per(kind, "blocks_128x128") : undefined;
}

function mxGroup({ num_bits: bits, type, strategy, group_size: size, symmetric }: Dict) {
  if (type !== "float" || size !== 32) return undefined;
  if (bits === 4) return MICROSCALED;
  const group = strategy === "group" && symmetric !== false;
  return bits === 8 && group ? microscaled("float8_e4m3fn") : undefined;
}

const MXFP4_KEYS: Keys = {
  quant_method: any,
  modules_to_not_convert: any,
  dequantize: one(false),
};

function mxfp4(config: Dict): Read {
  const odd = strange(config, MXFP4_KEYS);
  return odd === undefined ? MICROSCALED : { refused: `mxfp4 with ${odd}` };
}

/** Whether a list of modules names all routed experts. */
type HoldsExperts = (targets: readonly unknown[]) => boolean;

type Method = (config: Dict, holdsExperts: HoldsExperts) => Read;

/** Methods of a file of their own, in their own registry: see `readMethod`. */
export type Methods = Readonly<Record<string, Method>>;

const METHODS: Methods = {
  fp8,
  mxfp4,
  "compressed-tensors": compressedTensors,
};

/** What a `quantization_config` says of the weights of the modules that it is for. */
export function readMethod(config: unknown, holdsExperts: HoldsExperts, further: Methods): Read {
  const method = isDict(config) ? config.quant_method : undefined;
  const read =
    typeof method === "string" ? (own(METHODS, method) ?? own(further, method)) : undefined;
  if (isDict(config) && read !== undefined) return read(config, holdsExperts);
  if (method === undefined) return { refused: shown(config) };
  const algorithm = isDict(config) ? (config.quant_algo ?? config.format) : undefined;
  const more = typeof algorithm === "string" ? `, ${algorithm}` : "";
  return { refused: `the method ${shown(method)}${more}` };
}
