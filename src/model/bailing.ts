import type { Architecture } from "./architecture.ts";
import { groupsOf, scoringOf } from "./routing.ts";

/**
 * Ling (Bailing-MoE). The first generation: softmax, plain top-k. The second: sigmoid scores, a
 * correction bias that picks the ids only, and groups: the `topk_group` best of `n_group` groups
 * by the sum of their two best, then top-k among them; weights are the unbiased scores, divided by
 * their sum, times `routed_scaling_factor`. Both add shared experts plainly, of the routed ones' size
 * unless `moe_shared_expert_intermediate_size` says another (of each).
 * Source: inclusionAI/Ling-V2, models/modeling_bailing_moe_v2.py; sglang, models/bailing_moe.py.
 */
export const bailing: Architecture = {
  names: ["BailingMoeV2ForCausalLM", "BailingMoeForCausalLM"],
  read(config) {
    const second = config.architecture() === "BailingMoeV2ForCausalLM";
    const scoring = scoringOf(config, second ? "sigmoid" : "softmax");
    const groups = groupsOf(config);
    const biased = config.flag("moe_router_enable_expert_bias", false);
    const shared = config.number("num_shared_experts", 0);
    const intermediate = config.size("intermediate", "moe_intermediate_size");
    const width = config.number("moe_shared_expert_intermediate_size", intermediate);
    return {
      layer: {
        experts: config.size("experts", "num_experts"),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate,
        activation: config.activation("silu"),
        dtype: config.dtype(),
        routing: {
          where: "kernel",
          scoring,
          renormalize: config.flag("norm_topk_prob", true),
          scalingFactor: config.number("routed_scaling_factor", 1),
          ...(groups === undefined ? {} : { groups }),
          ...(biased ? { correctionBias: true as const } : {}),
        },
        ...(shared > 0 ? { sharedExperts: { count: shared, intermediate: width } } : {}),
      },
      layers: config.layers("first_k_dense_replace"),
      fields: {
        experts: "num_experts",
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: "moe_intermediate_size",
        "routing.scalingFactor": "routed_scaling_factor",
        "sharedExperts.count": "num_shared_experts",
      },
    };
  },
};
