/**
 * How a checkpoint's expert weights are quantised, so that the kernel takes them as they are: from
 * `quantization_config`, and from the file that some checkpoints have beside their config. What says
 * anything of quantisation is understood or refused by name; nothing is passed over.
 */
import { isDeepStrictEqual } from "node:util";
import { type Dict, isDict } from "../spec/dict.ts";
import type { Quantization } from "../spec/quantization.ts";
import type { ConfigReader } from "./config.ts";
import { awq, gptq } from "./gptq.ts";
import { type ExpertsAmong, readModelopt } from "./modelopt.ts";
import { type PlainModules, plainModules } from "./plain-modules.ts";
import { MICROSCALED, type Read, readMethod, shown } from "./quantization-methods.ts";

export interface ReadQuantization {
  readonly quantization: Quantization;
  /** Shared experts are of the layer's dtype, though the routed ones are quantised. */
  readonly sharedPlain: boolean;
  /** Of the shared experts, where theirs is another. */
  readonly shared?: Quantization;
  /** What the loader must do. */
  readonly note?: string;
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
const EXPERT_DTYPE = "expert_dtype";

/** What the names of the experts' weights are made of. */
export interface ModuleNames {
  /** Routed experts of the layer. */
  readonly experts: number;
  /** The family's name, as `architectures` has it. */
  readonly architecture: string | undefined;
}

/** The module of a layer that holds its experts, by how architectures begin; others: "mlp". */
const CONTAINERS: Readonly<Record<string, string>> = {
  Mixtral: "block_sparse_moe",
  MiniMax: "block_sparse_moe",
  Kimi: "block_sparse_moe",
  Granite: "block_sparse_moe",
  PhiMoE: "block_sparse_moe",
  Llama4: "feed_forward",
  Jamba: "feed_forward",
  Lfm2: "feed_forward",
  NemotronH: "mixer",
  DeepseekV4: "ffn",
  Step3p: "moe",
  // Beside the dense "mlp".
  Gemma4: "",
};

function containerOf(architecture: string | undefined): string {
  const found = Object.entries(CONTAINERS).find(([start]) => architecture?.startsWith(start));
  return found?.[1] ?? "mlp";
}
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

/** What one source says; "plain": nothing of the experts. */
type Said = (Read & { readonly sharedPlain?: boolean }) | "plain";

/**
 * What the checkpoint says of the experts' weights; undefined: nothing, they are of its dtype, or it
 * was refused and the reader has the problem. `beside`: what one of QUANTIZATION_FILES says, where
 * there is one.
 */
export function readQuantization(
  config: ConfigReader,
  modules: ModuleNames,
  beside?: unknown,
): ReadQuantization | undefined {
  const problems = config.problems.length;
  for (const field of strays(config)) {
    refuse(config, "the config", field, `the field ${field} (${shown(config.at(field))})`);
  }
  const field = `${CONFIG}.quant_method`;
  const file = beside === undefined || beside === null ? undefined : besideOf(beside);
  const aside = file === undefined ? undefined : said(config, modules, file.config);
  if (file !== undefined && typeof aside === "object" && "refused" in aside) {
    refuse(config, file.where, "quantConfig", aside.refused);
  }
  const value = config.get(CONFIG);
  const own = value === undefined ? undefined : said(config, modules, value);
  if (typeof own === "object" && "refused" in own) refuse(config, CONFIG, field, own.refused);
  if (file !== undefined && own !== undefined && !isDeepStrictEqual(aside, own)) {
    refuse(config, file.where, "quantConfig", `another quantisation than ${CONFIG}`);
  }
  const found = own ?? aside;
  if (config.problems.length > problems) return undefined;
  if (found === undefined || found === "plain" || "refused" in found) return undefined;
  const from = own === undefined ? "quantConfig" : field;
  return ofExperts(config, { ...found, sharedPlain: found.sharedPlain === true, field: from });
}

/** DeepSeek-V4: `expert_dtype` says that the routed experts' weights are MXFP4, whatever the others are. */
function ofExperts(config: ConfigReader, read: ReadQuantization): ReadQuantization {
  if (config.get(EXPERT_DTYPE) !== "fp4" || !("quantization" in MICROSCALED)) return read;
  const { quantization: shared, ...kept } = read;
  const own = read.sharedPlain ? {} : { shared };
  return { ...kept, ...own, quantization: MICROSCALED.quantization };
}

/** How the experts are quantised by one source, with what its lists leave as it is. */
function said(config: ConfigReader, modules: ModuleNames, value: unknown): Said {
  const among: ExpertsAmong = (names) => plainOf(config, modules, { ignore: names });
  const modelopt = isDict(value) && value.quant_method === "modelopt";
  const read = modelopt
    ? readModelopt(value, among)
    : readMethod(value, (targets) => holdsAll(config, modules, targets), { awq, gptq });
  if (read === "plain" || "refused" in read || read.sharedPlain !== undefined) return read;
  const left = plainOf(config, modules, isDict(value) ? value : {});
  if ("refused" in left) return left;
  return left.routed === "all" ? "plain" : { ...read, sharedPlain: left.shared === "all" };
}

function holdsAll(
  config: ConfigReader,
  modules: ModuleNames,
  targets: readonly unknown[],
): boolean {
  const named = plainOf(config, modules, { ignore: targets });
  return "routed" in named && named.routed === "all";
}

/** Fields of the config, and of the parts that it has, that speak of quantisation and are not read. */
function strays(config: ConfigReader): readonly string[] {
  const says = (value: unknown): boolean =>
    value !== null && value !== undefined && value !== false && shown(value) !== "{}";
  // Says which of the experts' weights are not as the rest that is quantised.
  const known = (value: unknown): boolean =>
    config.get(CONFIG) !== undefined && (value === "fp4" || value === "fp8");
  return config.entries().flatMap(([field, value]) => {
    if (field === EXPERT_DTYPE) return known(value) || value === null ? [] : [field];
    if (field === CONFIG) return [];
    if (SPEAKING.test(field)) return says(value) ? [field] : [];
    if (!isDict(value)) return [];
    return Object.entries(value)
      .filter(([inner, part]) => SPEAKING.test(inner) && says(part))
      .map(([inner]) => `${field}.${inner}`);
  });
}

/** Within a multimodal model the language model has a name of its own before its layers. */
function asOfLanguageModel(pattern: string): string {
  return pattern.replace(/^(?:model\.language_model|language_model\.model)\./, "model.");
}

/** Modules that are not quantised, as far as they are experts. */
function plainOf(config: ConfigReader, modules: ModuleNames, of: Dict): PlainModules {
  const patterns: string[] = [];
  for (const name of LEFT) {
    const list = of[name];
    if (list === undefined || list === null) continue;
    if (!Array.isArray(list) || !list.every((one) => typeof one === "string")) {
      return { refused: `${name} ${shown(list)}` };
    }
    patterns.push(...list.map(asOfLanguageModel));
  }
  const dense = config.get("mlp_only_layers");
  const first = config.number("first_k_dense_replace", 0);
  return plainModules(patterns, {
    container: containerOf(modules.architecture),
    experts: modules.experts,
    layers: config.number("num_hidden_layers", 0) || undefined,
    sparse: (layer) =>
      config.layer === undefined
        ? layer >= first && !(Array.isArray(dense) && dense.includes(layer))
        : layer === config.layer,
  });
}

/** A file beside the config, as the `quantization_config` that it would be. */
function besideOf(beside: unknown): { readonly where: string; readonly config: unknown } {
  const [modelopt, gptqFile, awqFile] = QUANTIZATION_FILES;
  if (!isDict(beside)) return { where: "quantConfig", config: beside };
  if (isDict(beside.quantization)) {
    return { where: modelopt, config: { ...beside.quantization, quant_method: "modelopt" } };
  }
  if ("w_bit" in beside) return { where: awqFile, config: { ...beside, quant_method: "awq" } };
  if ("bits" in beside) {
    return { where: gptqFile, config: { quant_method: "gptq", ...beside } };
  }
  return { where: "quantConfig", config: beside };
}
