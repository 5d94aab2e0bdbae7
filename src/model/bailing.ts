import { defined } from "../spec/defined.ts";
import type { ConfigReader } from "./config.ts";
import { family, type SharedData } from "./family.ts";
import { field, statedName } from "./field.ts";
import { limitedAt, refuseLimits } from "./limits.ts";
import { refuseRouting } from "./refuse.ts";
import { groupsOr, type RoutingData } from "./routing.ts";
import { dense } from "./sparse.ts";

const EXPERTS = ["num_experts"] as const;
const BIAS = "moe_router_enable_expert_bias";
const SHARED_WIDTH = "moe_shared_expert_intermediate_size";

const correctionBias = field(false, BIAS);
const renormalize = field(true, "norm_topk_prob");
/** From the second generation on; the first adds nothing to the sum. */
const renormalized = { renormalize, renormEpsilon: 1e-20 };
const scaled = (otherwise: number) => field(otherwise, "routed_scaling_factor");
const groups = { ...groupsOr(8, 4), score: "sum_of_top_2" as const };

/** Where the config names no scoring: sigmoid beside a bias, else softmax. */
const scoring: RoutingData["scoring"] = (config) =>
  config.get(BIAS) === true ? "sigmoid" : "softmax";

/** Each of the shared experts is of the routed ones' size, unless a size of each is stated. */
const sharedEach = (config: ConfigReader, count: number): SharedData => ({
  count: field(count, "num_shared_experts"),
  ...(statedName(config, [SHARED_WIDTH]) === undefined
    ? {}
    : { intermediate: field(0, SHARED_WIDTH) }),
});

/** In the third generation the stated size is that of all shared experts together. */
const sharedTogether = (config: ConfigReader): SharedData =>
  statedName(config, [SHARED_WIDTH]) === undefined
    ? { count: field(1, "num_shared_experts") }
    : { count: 1, intermediate: field(0, SHARED_WIDTH) };

const LIMITS = ["expert_swiglu_limit_list", "share_expert_swiglu_limit_list"] as const;

const activation = (config: ConfigReader) => limitedAt(config, ...LIMITS).routed;

/** With the activation of the layer that is read, where its limits make one of their own. */
const limitedShared = (config: ConfigReader, data: SharedData): SharedData => ({
  ...data,
  ...defined({ activation: limitedAt(config, ...LIMITS).shared }),
});

function inspect(config: ConfigReader): void {
  const width = config.number(SHARED_WIDTH, config.number("moe_intermediate_size", 0));
  refuseLimits(config, ...LIMITS, width);
  const many = config.get("multi_gate") === true || config.get("router_type") === "MultiRouter";
  if (!many) return;
  const message =
    "tokens of text, images and audio have routers and correction biases of their own";
  refuseRouting(config, config.get("multi_gate") === true ? "multi_gate" : "router_type", message);
}

/**
 * Ling and Ring (Bailing-MoE). The first generation: softmax, plain top-k. From the second on:
 * sigmoid scores, a correction bias that picks the ids only, and groups: the `topk_group` best of
 * `n_group` groups by the sum of their two best, then top-k among them; weights are the unbiased
 * scores, divided by their sum + 1e-20, times `routed_scaling_factor`. Shared experts are added plainly.
 * Source: inclusionAI/Ling, models/modeling_bailing_moe.py (BailingMoeGate), and Ling-V2,
 * models/modeling_bailing_moe_v2.py (BailingMoeV2Gate); sglang 0.5.23, models/{bailing_moe,
 * bailing_moe_linear, bailing_moe_v3}.py, configs/{bailing_moe_v2, bailing_hybrid}.py; transformers
 * 5.24, models/bailing_hybrid (the last generation, under names of its own).
 */
export const bailing = family(
  {
    names: ["BailingMoeForCausalLM", "BailingMoEForCausalLM"],
    experts: EXPERTS,
    activation,
    routing: { scoring: "softmax", renormalize, scalingFactor: scaled(1), correctionBias },
    shared: (config) => limitedShared(config, sharedEach(config, 0)),
    sparse: dense(field(0, "first_k_dense_replace")),
    inspect,
  },
  {
    names: ["BailingMoeV2ForCausalLM"],
    types: ["bailing_moe_v2"],
    experts: EXPERTS,
    activation,
    routing: {
      scoring: "sigmoid",
      ...renormalized,
      scalingFactor: scaled(2.5),
      groups,
      correctionBias,
    },
    shared: (config) => limitedShared(config, sharedEach(config, 0)),
    sparse: dense(field(0, "first_k_dense_replace")),
    inspect,
  },
  {
    names: ["BailingMoeV2_5ForCausalLM"],
    types: ["bailing_moe_linear"],
    experts: EXPERTS,
    activation,
    routing: { scoring, ...renormalized, scalingFactor: scaled(1), groups, correctionBias },
    shared: (config) => limitedShared(config, { count: field(1, "num_shared_experts") }),
    sparse: dense(field(1, "first_k_dense_replace")),
    inspect,
  },
  {
    names: ["BailingMoeV3ForCausalLM", "BailingMoeV3VLForConditionalGeneration"],
    types: ["bailing_hybrid"],
    experts: EXPERTS,
    activation,
    routing: {
      scoring,
      ...renormalized,
      renormalize: field(false, "norm_topk_prob"),
      scalingFactor: scaled(1),
      groups,
      correctionBias,
    },
    shared: (config) => limitedShared(config, sharedTogether(config)),
    sparse: dense(field(1, "first_k_dense_replace")),
    inspect,
  },
  {
    names: ["BailingHybridForCausalLM"],
    experts: ["num_local_experts", "num_experts"],
    activation,
    routing: {
      scoring: "sigmoid",
      ...renormalized,
      scalingFactor: scaled(2.5),
      groups,
      correctionBias: true,
    },
    shared: (config) =>
      limitedShared(config, { count: field(1, "n_shared_experts", "num_shared_experts") }),
    sparse: dense(field(2, "first_k_dense_replace")),
    inspect,
  },
);
