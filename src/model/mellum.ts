import { family } from "./family.ts";
import { field } from "./field.ts";

/**
 * Mellum: softmax over all experts, top-k, weights divided by their sum unless `norm_topk_prob` denies
 * it; every layer has experts unless `mlp_layer_types` says another.
 * Source: transformers 5.24, models/mellum (MellumTopKRouter, MellumSparseMoeBlock) and its
 * configuration class.
 */
export const mellum = family({
  names: ["MellumForCausalLM"],
  types: ["mellum"],
  experts: ["num_experts", "num_local_experts"],
  routing: { scoring: "softmax", renormalize: field(true, "norm_topk_prob") },
});
