/** A config that is read without a finding. */
export const QWEN = {
  architectures: ["Qwen3MoeForCausalLM"],
  num_experts: 64,
  num_experts_per_tok: 4,
  hidden_size: 2048,
  moe_intermediate_size: 768,
  norm_topk_prob: true,
};
