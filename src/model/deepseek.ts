import type { Architecture } from "./architecture.ts";
import { groupsOf, scoringOf } from "./routing.ts";

/**
 * DeepSeek-V3 and R1: sigmoid scores; a correction bias that picks the ids only (`topk_method`
 * "noaux_tc"); the `topk_group` best of `n_group` groups by the sum of their two best, then top-k
 * among them; weights are the unbiased scores, divided by their sum when `norm_topk_prob`, times
 * `routed_scaling_factor`. `n_shared_experts` shared experts of the routed ones' size, added plainly.
 * Source: deepseek-ai/DeepSeek-V3, inference/model.py (Gate, MoE); arXiv:2412.19437, section 2.1.2;
 * transformers, models/deepseek_v3.
 */
export const deepseek: Architecture = {
  names: ["DeepseekV3ForCausalLM"],
  read(config) {
    const groups = groupsOf(config);
    const biased = (config.get("topk_method") ?? "noaux_tc") === "noaux_tc";
    const shared = config.number("n_shared_experts", 0);
    const intermediate = config.size("intermediate", "moe_intermediate_size");
    return {
      layer: {
        experts: config.size("experts", "n_routed_experts"),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate,
        activation: config.activation("silu"),
        dtype: config.dtype(),
        routing: {
          where: "kernel",
          scoring: scoringOf(config, "sigmoid"),
          renormalize: config.flag("norm_topk_prob", true),
          scalingFactor: config.number("routed_scaling_factor", 1),
          ...(groups === undefined ? {} : { groups }),
          ...(biased ? { correctionBias: true as const } : {}),
        },
        ...(shared > 0 ? { sharedExperts: { count: shared, intermediate } } : {}),
      },
      layers: config.layers("first_k_dense_replace"),
      fields: {
        experts: "n_routed_experts",
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: "moe_intermediate_size",
        "routing.scalingFactor": "routed_scaling_factor",
        "sharedExperts.count": "n_shared_experts",
      },
    };
  },
};
