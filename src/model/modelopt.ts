/**
 * NVIDIA's modelopt: what its checkpoints say in `quantization_config`, or in `hf_quant_config.json`
 * beside the config.
 * Source: modelopt, torch/export/quant_utils.py and convert_hf_config.py; sglang 0.5.23,
 * layers/quantization/modelopt_quant.py.
 */

import { type Dict, isDict } from "../spec/dict.ts";
import type { PlainModules } from "./plain-modules.ts";
import { NVFP4, PER_TENSOR, type Read, shown } from "./quantization-methods.ts";

/** How much of the model's experts a list of modules names. */
export type ExpertsAmong = (names: readonly string[]) => PlainModules;

/** One algorithm; an NVFP4 group is of 16 weights. */
function algorithm(name: unknown, size: unknown): Read {
  // "NVFP4_AWQ" has a scale of each input channel besides, which nothing here multiplies in.
  if ((name === "NVFP4" || name === "W4A16_NVFP4") && (size === 16 || size === undefined)) {
    return NVFP4;
  }
  if (name === "FP8") return PER_TENSOR;
  const more = typeof size === "number" ? `, a scale for ${size} weights` : "";
  return { refused: `${shown(name)}${more}` };
}

/** The algorithm of the experts' modules, where each module has its own. */
function mixed(layers: Dict, among: ExpertsAmong): Read | "plain" {
  const kinds = new Map<string, { readonly of: Dict; readonly names: string[] }>();
  for (const [name, of] of Object.entries(layers)) {
    if (!isDict(of)) return { refused: `quantized_layers with ${shown(name)} ${shown(of)}` };
    const kind = shown([of.quant_algo, of.group_size]);
    const same = kinds.get(kind) ?? { of, names: [] };
    same.names.push(name);
    kinds.set(kind, same);
  }
  const found = [...kinds.values()].map(({ of, names }) => ({ of, experts: among(names) }));
  for (const { of, experts } of found) {
    if ("refused" in experts) {
      return {
        refused: `${shown(of.quant_algo)} for ${experts.refused.replace("left as they are ", "")}`,
      };
    }
  }
  const holding = (kind: "routed" | "shared") =>
    found.find(({ experts }) => !("refused" in experts) && experts[kind] === "all")?.of;
  const [routed, shared] = [holding("routed"), holding("shared")];
  if (routed === undefined) {
    return shared === undefined ? "plain" : { refused: "shared experts alone quantised" };
  }
  if (shared !== undefined && shared.quant_algo !== routed.quant_algo) {
    return {
      refused: `shared experts in ${shown(shared.quant_algo)}, the others in ${shown(routed.quant_algo)}`,
    };
  }
  const read = algorithm(routed.quant_algo, routed.group_size ?? undefined);
  return "refused" in read ? read : { ...read, sharedPlain: shared === undefined };
}

/** What a checkpoint says of its experts' weights; "plain": they are not quantised. */
export function readModelopt(config: Dict, among: ExpertsAmong): Read | "plain" {
  const name = config.quant_algo;
  // A cache alone may be quantised.
  if (name === null) return "plain";
  if (name === "MIXED_PRECISION") {
    return isDict(config.quantized_layers) && Object.keys(config.quantized_layers).length > 0
      ? mixed(config.quantized_layers, among)
      : { refused: `${shown(name)} without quantized_layers` };
  }
  return algorithm(name, config.group_size ?? groupSize(config) ?? undefined);
}

/** `config_groups` of the later writers. */
function groupSize({ config_groups: groups }: Dict): unknown {
  const [first] = isDict(groups) ? Object.values(groups) : [];
  return isDict(first) && isDict(first.weights) ? first.weights.group_size : undefined;
}
