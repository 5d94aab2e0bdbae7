import { family } from "./family.ts";
import { field } from "./field.ts";
import { groupsOr } from "./routing.ts";
import { dense } from "./sparse.ts";

/**
 * Mistral-4: softmax over all experts, no bias, groups by the sum of their two best, one by default;
 * weights divided by their sum unless `norm_topk_prob` denies it, and scaled; shared experts of the
 * routed ones' size.
 * Source: transformers 5.24, models/mistral4 (Mistral4TopkRouter, Mistral4MoE, Mistral4DecoderLayer)
 * and its configuration class.
 */
export const mistral = family({
  names: ["Mistral4ForCausalLM"],
  types: ["mistral4"],
  experts: ["n_routed_experts", "num_local_experts"],
  routing: {
    scoring: "softmax",
    renormalize: field(true, "norm_topk_prob"),
    renormEpsilon: 1e-20,
    scalingFactor: field(1, "routed_scaling_factor"),
    groups: { ...groupsOr(1, 1), score: "sum_of_top_2" },
  },
  shared: { count: field(1, "n_shared_experts") },
  sparse: dense(field(0, "first_k_dense_replace")),
});
