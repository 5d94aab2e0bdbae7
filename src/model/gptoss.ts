import type { Architecture } from "./architecture.ts";

/** Slope of the sigmoid: fixed in the first code; later configs may have a `swiglu_alpha`. */
const ALPHA = 1.702;

/**
 * GPT-OSS: top-k by router logits, softmax of the chosen ones alone; gate at most `swiglu_limit`, up
 * within it, then gate * sigmoid(1.702 gate) * (up + 1); biases on all projections. The router's own
 * bias is in the logits that the kernel takes. The checkpoint has gate and up as one matrix with
 * their columns *interleaved* (gate 0, up 0, gate 1, …): none of the layouts here, so the loader
 * takes even columns as gate and odd ones as up; `side_by_side` is the closest. Its mxfp4 weights are
 * read as every family's `quantization_config` is.
 * Source: openai/gpt-oss, gpt_oss/torch/model.py; transformers, models/gpt_oss.
 */
export const gptoss: Architecture = {
  names: ["GptOssForCausalLM"],
  read(config) {
    return {
      layer: {
        experts: config.size("experts", "num_local_experts"),
        topK: config.size("topK", "num_experts_per_tok", "experts_per_token"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate: config.size("intermediate", "intermediate_size"),
        activation: {
          kind: "swigluoai",
          alpha: config.number("swiglu_alpha", ALPHA),
          limit: config.number("swiglu_limit", 7),
        },
        dtype: config.dtype(),
        biases: true,
        routing: {
          where: "kernel",
          scoring: "softmax",
          // The chosen ones' softmax sums to 1 already.
          renormalize: false,
          scalingFactor: 1,
          scoreChosen: true,
        },
      },
      layers: config.layers(),
      fields: {
        experts: "num_local_experts",
        topK: config.source("num_experts_per_tok", "experts_per_token"),
        hidden: "hidden_size",
        intermediate: "intermediate_size",
        "activation.alpha": "swiglu_alpha",
        "activation.limit": "swiglu_limit",
      },
    };
  },
};
