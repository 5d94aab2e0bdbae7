/**
 * How a checkpoint's expert weights are quantised, so that the kernel takes them as they are: from
 * `quantization_config`, and from the file that some checkpoints have beside their config. What says
 * anything of quantisation is understood or refused by name; nothing is passed over.
 */
import type { Quantization } from "../spec/quantization.ts";
import type { ConfigReader } from "./config.ts";
import { type PlainModules, plainModules } from "./plain-modules.ts";
import { type Dict, isDict, readMethod, shown } from "./quantization-methods.ts";

export interface ReadQuantization {
  readonly quantization: Quantization;
  /** Shared experts are of the layer's dtype, though the routed ones are quantised. */
  readonly sharedPlain: boolean;
  /** The config.json field that said so. */
  readonly field: string;
}

/**
 * Files beside a `config.json` that say how its checkpoint is quantised: modelopt's, AutoGPTQ's and
 * AutoAWQ's. They count though `quantization_config` is missing.
 */
export const QUANTIZATION_FILES = [
  "hf_quant_config.json",
  "quantize_config.json",
  "quant_config.json",
] as const;

const CONFIG = "quantization_config";
const LAYER_FIELD = "quantization";
/** Further fields of a config that say something of it, whoever wrote them. */
export const SPEAKING = /quant|^compression_config$|^expert_dtype$/i;
/** Lists of the modules that are not quantised, by any of their names. */
const LEFT = ["modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules"] as const;

/** Its message, where the checkpoint is one that the kernel does not take. */
function refuse(config: ConfigReader, where: string, field: string, refused: string): void {
  config.report({
    code: "MOE306",
    layerField: LAYER_FIELD,
    configField: field,
    message: `${where} has ${refused}, which the kernel does not take`,
    nearest: ['quantization: "none"', 'quantization: { weights: …, granularity: "per_channel" }'],
  });
}

/**
 * What the checkpoint says of the experts' weights; undefined: nothing, they are of its dtype, or it
 * was refused and the reader has the problem. `experts`: routed ones of the layer. `beside`: what one
 * of QUANTIZATION_FILES says, where there is one.
 */
export function readQuantization(
  config: ConfigReader,
  experts: number,
  beside?: unknown,
): ReadQuantization | undefined {
  const problems = config.problems.length;
  for (const field of strays(config)) {
    refuse(config, "the config", field, `the field ${field} (${shown(config.at(field))})`);
  }
  if (beside !== undefined && beside !== null) readBeside(config, experts, beside);
  const value = config.get(CONFIG);
  if (config.problems.length > problems || value === undefined) return undefined;
  const field = `${CONFIG}.quant_method`;
  const read = readMethod(value, (targets) => {
    const named = plainOf(config, experts, { ignore: targets });
    return "routed" in named && named.routed === "all";
  });
  if ("refused" in read) {
    refuse(config, CONFIG, field, read.refused);
    return undefined;
  }
  const left = plainOf(config, experts, isDict(value) ? value : {});
  if ("refused" in left) {
    refuse(config, CONFIG, field, left.refused);
    return undefined;
  }
  if (left.routed === "all") return undefined;
  return { quantization: read.quantization, sharedPlain: left.shared === "all", field };
}

/** Fields of the config, and of the parts that it has, that speak of quantisation and are not read. */
function strays(config: ConfigReader): readonly string[] {
  const says = (value: unknown): boolean =>
    value !== null && value !== undefined && value !== false && shown(value) !== "{}";
  return config.entries().flatMap(([field, value]) => {
    if (field === CONFIG) return [];
    if (SPEAKING.test(field)) return says(value) ? [field] : [];
    if (!isDict(value)) return [];
    return Object.entries(value)
      .filter(([inner, part]) => SPEAKING.test(inner) && says(part))
      .map(([inner]) => `${field}.${inner}`);
  });
}

/** Modules that are not quantised, as far as they are experts. */
function plainOf(config: ConfigReader, experts: number, of: Dict): PlainModules {
  const patterns: string[] = [];
  for (const name of LEFT) {
    const list = of[name];
    if (list === undefined || list === null) continue;
    if (!Array.isArray(list) || !list.every((one) => typeof one === "string")) {
      return { refused: `${name} ${shown(list)}` };
    }
    patterns.push(...list);
  }
  const dense = config.get("mlp_only_layers");
  const first = config.number("first_k_dense_replace", 0);
  return plainModules(patterns, {
    container: config.architecture()?.startsWith("Mixtral") ? "block_sparse_moe" : "mlp",
    experts,
    layers: config.number("num_hidden_layers", 0) || undefined,
    sparse: (layer) => layer >= first && !(Array.isArray(dense) && dense.includes(layer)),
  });
}

/** A file beside the config: none of its formats is one that the kernel takes. */
function readBeside(config: ConfigReader, experts: number, beside: unknown): void {
  const { where, what, left } = besideOf(beside);
  if (what === undefined) return;
  const plain = left === undefined ? undefined : plainOf(config, experts, left);
  if (plain !== undefined && "routed" in plain && plain.routed === "all") return;
  refuse(config, where, "quantConfig", what);
}

interface Beside {
  readonly where: string;
  /** In words that go on after "has"; undefined: weights are not quantised. */
  readonly what?: string;
  readonly left?: Dict;
}

function besideOf(beside: unknown): Beside {
  const [modelopt, gptq, awq] = QUANTIZATION_FILES;
  if (!isDict(beside)) return { where: "quantConfig", what: shown(beside) };
  if (isDict(beside.quantization)) {
    const { quant_algo: algorithm, group_size: size } = beside.quantization;
    const more = typeof size === "number" ? `, a scale for ${size} weights` : "";
    // A cache alone may be quantised.
    if (algorithm === null) return { where: modelopt };
    return { where: modelopt, what: `${shown(algorithm)}${more}`, left: beside.quantization };
  }
  const bits = (value: unknown, size: unknown): string =>
    `weights of ${shown(value)} bits, a scale for ${shown(size)} of them`;
  if ("bits" in beside) return { where: gptq, what: bits(beside.bits, beside.group_size) };
  if ("w_bit" in beside) return { where: awq, what: bits(beside.w_bit, beside.q_group_size) };
  return { where: "quantConfig", what: shown(beside) };
}
