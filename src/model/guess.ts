/**
 * The layer of a model whose family is not known, from fields of the usual names. What such a config
 * does not say is guessed as most families have it, and every guess is told: a wrong one gives wrong
 * results, not an error.
 */
import type { ReadLayer } from "./architecture.ts";
import type { ConfigReader } from "./config.ts";
import { type FamilyData, readFamily, type SharedData } from "./family.ts";
import { field, statedName } from "./field.ts";
import { groupsOr, SCORING } from "./routing.ts";
import { dense } from "./sparse.ts";

const NAMES = {
  experts: ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"],
  topK: ["num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k"],
  hidden: ["hidden_size", "d_model"],
  intermediate: ["moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size"],
} as const;
const RENORMALIZE = ["norm_topk_prob", "moe_renormalize", "route_norm"] as const;
const SCALING = [
  "routed_scaling_factor",
  "router_scaling_factor",
  "moe_routed_scaling_factor",
  "moe_router_scaling_factor",
  "route_scale",
] as const;
const COUNTS = ["n_shared_experts", "num_shared_experts", "moe_num_shared_experts"] as const;
const WIDTHS = ["shared_expert_intermediate_size", "shared_intermediate_size"] as const;
/** Each of them names a bias for the choice, beside sigmoid scores in every family that has it. */
const BIASED = ["use_routing_bias", "moe_router_enable_expert_bias", "use_expert_bias"] as const;
const DENSE = ["first_k_dense_replace", "num_dense_layers"] as const;

/** What is guessed, with why, one sentence each. */
type Guesses = string[];

/** DeepSeek-V3's kind of routing, by the fields that only it has. */
function biasOf(config: ConfigReader, guesses: Guesses): boolean {
  const flag = statedName(config, BIASED);
  if (flag !== undefined) return config.get(flag) === true;
  const biased = config.get("topk_method") === "noaux_tc";
  const because = biased ? 'topk_method is "noaux_tc"' : "no field names one";
  guesses.push(`${biased ? "a" : "no"} correction bias: ${because}`);
  return biased;
}

function routingData(config: ConfigReader, guesses: Guesses): FamilyData["routing"] {
  const correctionBias = biasOf(config, guesses);
  const scoring = correctionBias ? "sigmoid" : "softmax";
  if (statedName(config, SCORING) === undefined) {
    const because = correctionBias ? "as beside every bias for the choice" : "as without a bias";
    guesses.push(`scoring "${scoring}", ${because}: no field names it`);
  }
  if (statedName(config, RENORMALIZE) === undefined) {
    guesses.push("weights are divided by their sum: no field says it");
  }
  if (statedName(config, ["n_group"]) !== undefined) {
    guesses.push("groups count by DeepSeek-V3's rule");
  }
  return {
    scoring,
    renormalize: field(true, ...RENORMALIZE),
    scalingFactor: field(1, ...SCALING),
    groups: groupsOr(1, 1),
    correctionBias,
  };
}

function sharedData(config: ConfigReader, guesses: Guesses): SharedData | undefined {
  const width = statedName(config, WIDTHS);
  const count = statedName(config, COUNTS);
  if (width === undefined && count === undefined) return undefined;
  guesses.push("shared experts are added plainly, without a gate");
  if (width === undefined) guesses.push("a shared expert is of the routed ones' size");
  return {
    count: field(1, ...COUNTS),
    ...(width === undefined ? {} : { intermediate: field(0, width) }),
  };
}

/** The layer, its notes led by the guesses. Sizes are never guessed: one that is missing is MOE302. */
export function guessLayer(config: ConfigReader): ReadLayer {
  const guesses: Guesses = ["experts are gate, up and down projections without biases"];
  if (statedName(config, ["hidden_act"]) === undefined) {
    guesses.push('activation "silu": no hidden_act');
  }
  const width = statedName(config, NAMES.intermediate);
  if (width === "intermediate_size") guesses.push("intermediate_size is an expert's width");
  const data: FamilyData = {
    ...NAMES,
    names: [],
    routing: routingData(config, guesses),
    shared: sharedData(config, guesses),
    sparse: dense(field(0, ...DENSE)),
    layerTypes: { dense: false, sparse: true, moe: true },
  };
  const read = readFamily(config, data);
  return { ...read, notes: guesses.map((guess) => `guessed: ${guess}`) };
}
