import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config.ts";

/** The second is its name in configs that transformers 5 saves. */
const EXPERTS = ["num_experts", "num_local_experts"] as const;

/**
 * Qwen2-MoE and Qwen3-MoE: softmax over all experts, top-k, weights divided by their sum when
 * `norm_topk_prob` (Hugging Face's default is false; every published config states it). Qwen2-MoE
 * adds a shared expert behind a sigmoid gate. Dense layers (`mlp_only_layers`) are not this layer.
 * Source: transformers, models/qwen2_moe and models/qwen3_moe.
 */
export const qwen: Architecture = {
  names: ["Qwen3MoeForCausalLM", "Qwen2MoeForCausalLM"],
  read(config) {
    const shared = config.number("shared_expert_intermediate_size", 0);
    return {
      layer: {
        experts: config.size("experts", ...EXPERTS),
        topK: config.size("topK", "num_experts_per_tok"),
        hidden: config.size("hidden", "hidden_size"),
        intermediate: config.size("intermediate", "moe_intermediate_size"),
        activation: config.activation("silu"),
        dtype: config.dtype(),
        routing: {
          where: "kernel",
          scoring: "softmax",
          renormalize: config.flag("norm_topk_prob", false),
          scalingFactor: 1,
        },
        ...(shared > 0
          ? { sharedExperts: { count: 1, intermediate: shared, gate: "sigmoid" as const } }
          : {}),
      },
      layers: sparseLayers(config),
      fields: {
        experts: config.source(...EXPERTS),
        topK: "num_experts_per_tok",
        hidden: "hidden_size",
        intermediate: "moe_intermediate_size",
        "sharedExperts.intermediate": "shared_expert_intermediate_size",
      },
    };
  },
};

/** Not known where dense layers lie among them; no published config has such. */
function sparseLayers(config: ConfigReader): number | undefined {
  const dense: unknown = config.get("mlp_only_layers") ?? [];
  const plain = config.number("decoder_sparse_step", 1) === 1;
  return plain && Array.isArray(dense) && dense.length === 0 ? config.layers() : undefined;
}
