import type { Scoring } from "../dsl/spec.ts";
import type { Architecture } from "./architecture.ts";
import { reportSharedExperts } from "./architecture.ts";
import type { ConfigReader } from "./config.ts";

/**
 * Ling (Bailing-MoE). The first generation: softmax, plain top-k. The second: sigmoid scores, a
 * correction bias that picks the ids only, and groups: the `topk_group` best of `n_group` groups
 * by the sum of their two best, then top-k among them; weights are the unbiased scores, divided by
 * their sum, times `routed_scaling_factor`. Both add shared experts plainly.
 * Source: inclusionAI/Ling-V2, models/modeling_bailing_moe_v2.py; sglang, models/bailing_moe.py.
 */
export const bailing: Architecture = {
  names: ["BailingMoeV2ForCausalLM", "BailingMoeForCausalLM"],
  read(config, answered) {
    const second = config.architecture() === "BailingMoeV2ForCausalLM";
    const scoring = scoringOf(config, second ? "sigmoid" : "softmax");
    if (!answered.routing) reportRouting(config, scoring);
    if (config.number("num_shared_experts", 0) > 0) {
      reportSharedExperts(config, answered, "num_shared_experts");
    }
    return {
      layer: {
        experts: config.size("experts", "num_experts"),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate: config.size("intermediate", "moe_intermediate_size"),
        activation: config.activation("silu"),
        dtype: config.dtype(),
        routing: {
          where: "kernel",
          scoring,
          renormalize: config.flag("norm_topk_prob", true),
          scalingFactor: config.number("routed_scaling_factor", 1),
        },
      },
      fields: {
        experts: "num_experts",
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: "moe_intermediate_size",
        "routing.scalingFactor": "routed_scaling_factor",
      },
    };
  },
};

function scoringOf(config: ConfigReader, fallback: Scoring): Scoring {
  const value = config.get("score_function") ?? config.get("scoring_func") ?? fallback;
  if (value === "sigmoid" || value === "softmax") return value;
  config.report({
    code: "MOE303",
    layerField: "routing",
    configField: "score_function",
    message: `score_function ${JSON.stringify(value)} is not a scoring the kernel has`,
    nearest: ["softmax", "sigmoid"],
  });
  return fallback;
}

function reportRouting(config: ConfigReader, scoring: Scoring): void {
  const groups = config.number("n_group", 1);
  const grouped = groups > 1 && config.number("topk_group", groups) < groups;
  const biased = config.flag("moe_router_enable_expert_bias", false);
  if (!grouped && !biased) return;
  const parts = [
    ...(grouped ? [`top-k within ${String(config.get("topk_group"))} of ${groups} groups`] : []),
    ...(biased ? ["a correction bias"] : []),
  ];
  config.report({
    code: "MOE303",
    layerField: "routing",
    configField: grouped ? "n_group" : "moe_router_enable_expert_bias",
    message: `the model routes with ${parts.join(" and ")}, which the kernel does not have yet`,
    nearest: [
      '{ routing: { where: "given" } }',
      `{ routing: { where: "kernel", scoring: "${scoring}", … } }`,
    ],
  });
}
