/** Layers that were refused before the language could say them. */
import { added, hub, type Published, routing, shared, sizes, transformers } from "./published.ts";

export const said: Readonly<Record<string, Published>> = {
  "DeepSeek-V4-Flash: the square root of softplus": {
    source: hub("deepseek-ai/DeepSeek-V4-Flash"),
    config: {
      architectures: ["DeepseekV4ForCausalLM"],
      hidden_act: "silu",
      hidden_size: 4096,
      moe_intermediate_size: 2048,
      n_routed_experts: 256,
      n_shared_experts: 1,
      norm_topk_prob: true,
      num_experts_per_tok: 6,
      num_hash_layers: 3,
      num_hidden_layers: 43,
      routed_scaling_factor: 1.5,
      scoring_func: "sqrtsoftplus",
      swiglu_limit: 10,
      topk_method: "noaux_tc",
      torch_dtype: "bfloat16",
    },
    layer: {
      ...sizes(256, 6, 4096, 2048),
      activation: { kind: "clamped_swiglu", limit: 10 },
      routing: {
        ...routing("sqrt_softplus", { renormEpsilon: 1e-20, scalingFactor: 1.5 }),
        correctionBias: true,
      },
      sharedExperts: shared(1, 2048),
    },
    layers: 43,
  },
  "DeepSeek-V4, of which the config names no scoring: its class's": {
    source: transformers("deepseek_v4/configuration_deepseek_v4.py"),
    config: {
      architectures: ["DeepseekV4ForCausalLM"],
      hidden_size: 4096,
      moe_intermediate_size: 2048,
      n_routed_experts: 256,
      num_experts_per_tok: 6,
      num_hidden_layers: 43,
    },
    layer: {
      ...sizes(256, 6, 4096, 2048),
      activation: { kind: "clamped_swiglu", limit: 10 },
      routing: {
        ...routing("sqrt_softplus", { renormEpsilon: 1e-20, scalingFactor: 1.5 }),
        correctionBias: true,
      },
      sharedExperts: shared(1, 2048),
    },
    layers: 43,
  },
  "Kimi-K3: SiTU, and experts between projections of the caller's": {
    source: hub("moonshotai/Kimi-K3"),
    config: {
      architectures: ["KimiK3ForConditionalGeneration"],
      text_config: {
        activation_situ_beta: 4,
        activation_situ_linear_beta: 25,
        architectures: ["KimiLinearForCausalLM"],
        first_k_dense_replace: 1,
        hidden_act: "situ",
        hidden_size: 7168,
        moe_intermediate_size: 3072,
        moe_renormalize: true,
        moe_router_activation_func: "sigmoid",
        num_expert_group: 1,
        num_experts: 896,
        num_experts_per_token: 16,
        num_hidden_layers: 93,
        num_shared_experts: 2,
        routed_expert_hidden_size: 3584,
        routed_scaling_factor: 1,
        topk_group: 1,
      },
    },
    layer: {
      ...sizes(896, 16, 3584, 3072),
      activation: { kind: "situ", beta: 4, linearBeta: 25 },
      routing: added(),
    },
    layers: 92,
  },
};
