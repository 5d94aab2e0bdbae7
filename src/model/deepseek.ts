import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { refuseRouting } from "./refuse.ts";
import { biasedByMethod, groupsOr } from "./routing.ts";
import { afterDense } from "./sparse.ts";

/** `num_local_experts` where transformers 5 saved the config (its `attribute_map`). */
const EXPERTS = ["n_routed_experts", "num_local_experts", "num_experts"] as const;
const EVERY = field(1, "moe_layer_freq");

/** V2's choices; "greedy" is the configuration class's. */
const METHODS = ["greedy", "group_limited_greedy"] as const;

const methodOf = (config: ConfigReader): unknown => config.get("topk_method") ?? METHODS[0];

/** No published V2 renormalises, and what it would mean is not agreed on. */
function inspectV2(config: ConfigReader): void {
  const method = methodOf(config);
  if (!METHODS.some((known) => known === method)) {
    const message = `topk_method ${show(method)} is not DeepSeek-V2's`;
    refuseRouting(config, "topk_method", message);
  }
  if (config.get("norm_topk_prob") === true) {
    const message =
      "norm_topk_prob is not in transformers' DeepSeek-V2: say which routing is meant";
    refuseRouting(config, "norm_topk_prob", message);
  }
}

/**
 * DeepSeek-V3, R1, V3.1, V3.2 and the models of that code (Kimi-K2, K2.5): sigmoid scores; a
 * correction bias that picks the ids only (`topk_method` "noaux_tc"); the `topk_group` best of
 * `n_group` groups by the sum of their two best, then top-k among them; weights are the unbiased
 * scores, divided by their sum + 1e-20 when `norm_topk_prob`, times `routed_scaling_factor`.
 * `n_shared_experts` shared experts of the routed ones' size, added plainly. V2: softmax scores,
 * groups by their best, no bias, no renormalisation.
 * Source: deepseek-ai/DeepSeek-V3, inference/model.py (Gate, MoE); arXiv:2412.19437, section 2.1.2;
 * transformers 5.24, models/{deepseek_v3, deepseek_v32, deepseek_v2} with their configuration classes
 * (DeepseekV3TopkRouter adds 1e-20 to the sum, inference/model.py nothing).
 */
export const deepseek = family(
  {
    names: ["DeepseekV3ForCausalLM", "DeepseekV32ForCausalLM", "KimiK25ForConditionalGeneration"],
    types: ["deepseek_v3", "deepseek_v32", "kimi_k2"],
    experts: EXPERTS,
    routing: deepseekRouting({
      scalingFactor: field(2.5, "routed_scaling_factor"),
      groups: groupsOr(8, 4),
      correctionBias: biasedByMethod,
    }),
    shared: { count: field(1, "n_shared_experts") },
    sparse: afterDense(field(3, "first_k_dense_replace"), EVERY),
  },
  {
    names: ["DeepseekV2ForCausalLM"],
    types: ["deepseek_v2"],
    experts: EXPERTS,
    routing: {
      scoring: "softmax",
      renormalize: false,
      scalingFactor: field(1, "routed_scaling_factor"),
      groups: (config) => (methodOf(config) === METHODS[1] ? groupsOr(1, 1) : undefined),
    },
    shared: { count: field(2, "n_shared_experts") },
    sparse: afterDense(field(0, "first_k_dense_replace"), EVERY),
    inspect: inspectV2,
  },
);
