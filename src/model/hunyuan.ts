import { clampedOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, flagOf } from "./field.ts";
import { dense } from "./sparse.ts";

/** A13B: `num_shared_expert` of `intermediate_size`, where MLP and experts are mixed. */
const mixed = (config: ConfigReader) =>
  flagOf(config, "sharedExperts", field(true, "use_mixed_mlp_moe"))
    ? {
        count: field(1, "num_shared_expert"),
        intermediate: field(0, "intermediate_size"),
      }
    : undefined;

/**
 * Hunyuan-A13B: softmax over all experts, top-k, weights divided by their sum; sizes may be lists by
 * layer. Hy3 and Hy4: DeepSeek-V3's routing and shared experts of the routed ones' size.
 * Source: transformers 5.24, models/{hunyuan_v1_moe, hy_v3, hy_v4} and configuration classes; sglang
 * 0.5.23, models/{hunyuan, hunyuan_v3}.py.
 */
export const hunyuan = family(
  {
    names: ["HunYuanMoEV1ForCausalLM"],
    types: ["hunyuan_v1_moe"],
    experts: ["num_experts", "num_local_experts"],
    topK: ["moe_topk", "num_experts_per_tok"],
    intermediate: ["moe_intermediate_size", "intermediate_size"],
    routing: { scoring: "softmax", renormalize: true },
    shared: mixed,
  },
  {
    names: ["HYV3ForCausalLM"],
    types: ["hy_v3"],
    experts: ["num_experts", "num_local_experts"],
    routing: {
      scoring: "sigmoid",
      renormalize: field(true, "route_norm"),
      renormEpsilon: 1e-20,
      scalingFactor: field(2.826, "router_scaling_factor"),
      correctionBias: true,
    },
    shared: { count: field(1, "num_shared_experts") },
    sparse: dense(field(1, "first_k_dense_replace")),
  },
  {
    names: ["HYV4ForCausalLM"],
    types: ["hy_v4"],
    experts: ["n_routed_experts", "num_local_experts"],
    activation: (config) => clampedOf(config, 10),
    routing: deepseekRouting({ scalingFactor: field(2.827, "routed_scaling_factor") }),
    // The experts clamp gate and up, the shared ones do not.
    shared: { count: field(1, "n_shared_experts"), activation: "silu" },
    sparse: dense(field(1, "first_k_dense_replace")),
  },
);
