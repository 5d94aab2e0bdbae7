import type { Architecture } from "./architecture.ts";

const EXPERTS = ["num_local_experts", "num_experts"] as const;
const WIDTH = ["moe_intermediate_size", "intermediate_size"] as const;

/**
 * Grok-1 and Grok-2: logits capped by 30 * tanh(logits / 30), softmax over all experts, top-k, no
 * renormalisation, gelu (tanh form; the code fixes it, the config has no field). A cap of 0 means
 * none, as in sglang. Grok-2's dense MLP beside the experts (`residual_moe`) is another module.
 * Source: sgl-project/sglang-jax, python/sgl_jax/srt/models/grok.py; sglang, models/grok.py.
 */
export const grok: Architecture = {
  names: ["Grok1ForCausalLM", "Grok1ModelForCausalLM"],
  read(config) {
    const cap = config.number("router_logit_softcapping", 30);
    return {
      layer: {
        experts: config.size("experts", ...EXPERTS),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate: config.size("intermediate", ...WIDTH),
        activation: config.activation("gelu"),
        dtype: config.dtype(),
        routing: {
          where: "kernel",
          scoring: "softmax",
          renormalize: false,
          scalingFactor: 1,
          ...(cap === 0 ? {} : { logitSoftCap: cap }),
        },
      },
      layers: config.layers(),
      fields: {
        experts: config.source(...EXPERTS),
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: config.source(...WIDTH),
        "routing.logitSoftCap": "router_logit_softcapping",
      },
    };
  },
};
