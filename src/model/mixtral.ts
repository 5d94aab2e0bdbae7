import type { Architecture } from "./architecture.ts";

/**
 * Mixtral: softmax over all experts, top-k, weights divided by their sum (always; the config has no
 * field for it), silu. The checkpoint has gate (w1), down (w2) and up (w3) apart.
 * Source: transformers, models/mixtral; arXiv:2401.04088, section 2.1 (a softmax of the top-k logits,
 * which is the same).
 */
export const mixtral: Architecture = {
  names: ["MixtralForCausalLM"],
  read(config) {
    return {
      layer: {
        experts: config.size("experts", "num_local_experts"),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate: config.size("intermediate", "intermediate_size"),
        activation: config.activation("silu"),
        dtype: config.dtype(),
        routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
      },
      layers: config.layers(),
      fields: {
        experts: "num_local_experts",
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: "intermediate_size",
      },
    };
  },
};
