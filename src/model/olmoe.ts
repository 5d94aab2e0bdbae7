import { family } from "./family.ts";
import { field } from "./field.ts";

/**
 * OLMoE and FlexOlmo: softmax over all experts, top-k, weights divided by their sum when
 * `norm_topk_prob` (the class's default is false, and OLMoE's); the experts' width is
 * `intermediate_size`.
 * Source: transformers 5.24, models/{olmoe, flex_olmo} and configuration classes.
 */
export const olmoe = family({
  names: ["OlmoeForCausalLM", "FlexOlmoForCausalLM"],
  types: ["olmoe", "flex_olmo"],
  experts: ["num_experts", "num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: { scoring: "softmax", renormalize: field(false, "norm_topk_prob") },
});
