import { family } from "./family.ts";
import { field } from "./field.ts";
import { stepped } from "./sparse.ts";

/** `num_local_experts` where transformers 5 saved the config (its `attribute_map`). */
const EXPERTS = ["num_experts", "num_local_experts"] as const;

/** Dense layers: those that `decoder_sparse_step` passes over, and `mlp_only_layers`. */
const sparse = stepped(field(1, "decoder_sparse_step"), "mlp_only_layers");

const softmax = (renormalize: boolean | ReturnType<typeof field<boolean>>) => ({
  scoring: "softmax" as const,
  renormalize,
});

/** One shared expert behind a sigmoid gate, of a width of its own. */
const gated = (width: number) => ({
  count: 1,
  intermediate: field(width, "shared_expert_intermediate_size"),
  gate: "sigmoid" as const,
});

/**
 * Qwen MoE: softmax over all experts, top-k, weights divided by their sum. Qwen2 and Qwen3 do so
 * where `norm_topk_prob` says it (their class's default is false), Qwen3-Next and Omni unless it
 * denies it, Qwen3-VL and Qwen3.5 / 3.6 always. Qwen2, Qwen3-Next and Qwen3.5 add a shared expert
 * behind a sigmoid gate. Of Omni this is the thinker; its talker is a model of its own.
 * Source: transformers 5.24, models/{qwen2_moe, qwen3_moe, qwen3_vl_moe, qwen3_omni_moe, qwen3_next,
 * qwen3_5_moe, qwen4_exp}: …TopKRouter, …SparseMoeBlock, …DecoderLayer and configuration classes.
 */
export const qwen = family(
  {
    names: ["Qwen3MoeForCausalLM"],
    types: ["qwen3_moe"],
    experts: EXPERTS,
    routing: softmax(field(false, "norm_topk_prob")),
    sparse,
  },
  {
    names: ["Qwen2MoeForCausalLM"],
    types: ["qwen2_moe"],
    experts: EXPERTS,
    routing: softmax(field(false, "norm_topk_prob")),
    shared: gated(5632),
    sparse,
  },
  {
    names: ["Qwen3VLMoeForConditionalGeneration"],
    types: ["qwen3_vl_moe_text", "qwen3_vl_moe"],
    experts: EXPERTS,
    routing: softmax(true),
    sparse,
  },
  {
    names: ["Qwen3OmniMoeForConditionalGeneration", "Qwen3OmniMoeThinkerForConditionalGeneration"],
    types: ["qwen3_omni_moe_text", "qwen3_omni_moe_thinker", "qwen3_omni_moe"],
    experts: EXPERTS,
    routing: softmax(field(true, "norm_topk_prob")),
    sparse,
    notes: () => ["this is the thinker; the talker's experts are a layer of another size"],
  },
  {
    names: ["Qwen3NextForCausalLM"],
    types: ["qwen3_next"],
    experts: EXPERTS,
    routing: softmax(field(true, "norm_topk_prob")),
    shared: gated(512),
    sparse,
  },
  {
    names: ["Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM"],
    types: ["qwen3_5_moe_text", "qwen3_5_moe"],
    experts: EXPERTS,
    routing: softmax(true),
    shared: gated(512),
  },
  {
    names: ["Qwen4ExpForConditionalGeneration", "Qwen4ExpForCausalLM"],
    types: ["qwen4_exp_text", "qwen4_exp"],
    experts: EXPERTS,
    routing: softmax(field(true, "norm_topk_prob")),
    shared: gated(512),
  },
);
