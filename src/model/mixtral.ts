import { family } from "./family.ts";

/**
 * Mixtral: softmax over all experts, top-k, weights divided by their sum (always; the config has no
 * field for it), silu. The checkpoint has gate (w1), down (w2) and up (w3) apart.
 * Source: transformers 5.24, models/mixtral; arXiv:2401.04088, section 2.1 (a softmax of the top-k
 * logits, which is the same).
 */
export const mixtral = family({
  names: ["MixtralForCausalLM"],
  types: ["mixtral"],
  experts: ["num_local_experts", "num_experts"],
  intermediate: ["intermediate_size"],
  routing: { scoring: "softmax", renormalize: true },
});
