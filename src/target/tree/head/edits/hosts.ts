/** The models of these trees that are not in the older ones, with what their configurations call things. */
import type { ConfigFields, HostedModel } from "../../tree.ts";

export { grok, ling, qwen2, qwen3 } from "../../layers.ts";

const routed = {
  experts: ["n_routed_experts"],
  intermediate: ["moe_intermediate_size"],
} satisfies ConfigFields;

const plain = {
  experts: ["num_experts"],
  intermediate: ["moe_intermediate_size"],
} satisfies ConfigFields;

export const lingLinear: HostedModel = {
  title: "Ling-2.5",
  architectures: ["BailingMoeV2_5ForCausalLM"],
  config: plain,
};

const mimo = {
  experts: ["n_routed_experts", "num_experts"],
  intermediate: ["moe_intermediate_size", "intermediate_size"],
} satisfies ConfigFields;

export const mimoFlash: HostedModel = {
  title: "MiMo-V2-Flash",
  architectures: ["MiMoV2FlashForCausalLM"],
  config: mimo,
};

export const mimoPro: HostedModel = {
  title: "MiMo-V2-Pro",
  architectures: ["MiMoV2ForCausalLM"],
  config: mimo,
};

export const minimax: HostedModel = {
  title: "MiniMax-M2",
  architectures: ["MiniMaxM2ForCausalLM"],
  config: { experts: ["num_local_experts"], intermediate: ["intermediate_size"] },
};

export const glm4: HostedModel = {
  title: "GLM-4.5",
  architectures: ["Glm4MoeForCausalLM"],
  config: routed,
};

export const glm5: HostedModel = {
  title: "GLM-5",
  architectures: ["Glm5ForCausalLM", "GlmMoeDsaForCausalLM"],
  config: routed,
};

export const deepseek: HostedModel = {
  title: "DeepSeek-V3",
  architectures: ["DeepseekV3ForCausalLM", "DeepseekV2ForCausalLM"],
  config: routed,
};

export const kimi: HostedModel = {
  title: "Kimi-K2.5",
  architectures: ["KimiK25ForConditionalGeneration"],
  config: { ...routed, part: ["text_config"] },
};

export const kimiLinear: HostedModel = {
  title: "Kimi-Linear",
  architectures: ["KimiLinearForCausalLM"],
  config: { ...plain, topK: ["num_experts_per_token"], plainExperts: true },
};

export const qwen35: HostedModel = {
  title: "Qwen3.5",
  architectures: ["Qwen3_5MoeForConditionalGeneration"],
  config: { ...plain, part: ["text_config"], otherwise: "fused", plainExperts: true },
};

export const omni: HostedModel = {
  title: "Qwen3-Omni's thinker",
  architectures: ["Qwen3OmniMoeForConditionalGeneration"],
  config: { ...plain, part: ["thinker_config", "text_config"], plainExperts: true },
};

export const gemma4: HostedModel = {
  title: "Gemma-4",
  architectures: ["Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"],
  config: {
    part: ["text_config"],
    experts: ["num_experts"],
    topK: ["num_experts_per_tok", "top_k_experts"],
    intermediate: ["moe_intermediate_size", "intermediate_size"],
    activation: "gelu",
  },
};
