/** Qwen. */
import { hub, type Published, routing, sizes, transformers } from "./published.ts";

export const qwen: Readonly<Record<string, Published>> = {
  "Qwen3-Next-80B-A3B": {
    source: transformers("qwen3_next/configuration_qwen3_next.py"),
    config: {
      architectures: ["Qwen3NextForCausalLM"],
      num_experts: 512,
      num_experts_per_tok: 10,
      hidden_size: 2048,
      moe_intermediate_size: 512,
      shared_expert_intermediate_size: 512,
      norm_topk_prob: true,
      decoder_sparse_step: 1,
      mlp_only_layers: [],
      num_hidden_layers: 48,
    },
    layer: {
      ...sizes(512, 10, 2048, 512),
      routing: routing("softmax"),
      sharedExperts: { count: 1, intermediate: 512, gate: "sigmoid" },
    },
    layers: 48,
  },
  "Qwen3-VL-30B-A3B, nested; the class renormalises whatever a config says": {
    source: hub("Qwen/Qwen3-VL-30B-A3B-Instruct"),
    config: {
      architectures: ["Qwen3VLMoeForConditionalGeneration"],
      model_type: "qwen3_vl_moe",
      text_config: {
        decoder_sparse_step: 1,
        dtype: "bfloat16",
        hidden_act: "silu",
        hidden_size: 2048,
        mlp_only_layers: [],
        moe_intermediate_size: 768,
        num_experts: 128,
        num_experts_per_tok: 8,
        num_hidden_layers: 48,
      },
      vision_config: { hidden_act: "gelu_pytorch_tanh", hidden_size: 1152, depth: 27 },
    },
    layer: {
      ...sizes(128, 8, 2048, 768),
      routing: routing("softmax"),
    },
    layers: 48,
  },
  "Qwen3-Omni-30B-A3B: the thinker, nested twice": {
    source: transformers("qwen3_omni_moe/configuration_qwen3_omni_moe.py"),
    config: {
      architectures: ["Qwen3OmniMoeForConditionalGeneration"],
      thinker_config: {
        audio_config: { d_model: 1280 },
        text_config: {
          hidden_size: 2048,
          moe_intermediate_size: 768,
          num_experts: 128,
          num_experts_per_tok: 8,
          num_hidden_layers: 48,
        },
      },
      talker_config: { text_config: { hidden_size: 1024, moe_intermediate_size: 384 } },
    },
    layer: {
      ...sizes(128, 8, 2048, 768),
      routing: routing("softmax"),
    },
    layers: 48,
  },
  "Qwen3.5-35B-A3B, nested, with a gated shared expert": {
    source: hub("Qwen/Qwen3.5-35B-A3B"),
    config: {
      architectures: ["Qwen3_5MoeForConditionalGeneration"],
      text_config: {
        dtype: "bfloat16",
        hidden_act: "silu",
        hidden_size: 2048,
        mlp_only_layers: [],
        moe_intermediate_size: 512,
        num_experts: 256,
        num_experts_per_tok: 8,
        num_hidden_layers: 40,
        shared_expert_intermediate_size: 512,
      },
    },
    layer: {
      ...sizes(256, 8, 2048, 512),
      routing: routing("softmax"),
      sharedExperts: { count: 1, intermediate: 512, gate: "sigmoid" },
    },
    layers: 40,
  },
};
