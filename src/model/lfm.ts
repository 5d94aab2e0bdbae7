import { family } from "./family.ts";
import { field } from "./field.ts";
import { dense } from "./sparse.ts";

/**
 * LFM2-MoE: sigmoid scores, a correction bias that picks the ids only unless `use_expert_bias` denies
 * it, weights divided by their sum and scaled; the first `num_dense_layers` are dense. silu, whatever
 * the config says.
 * Source: transformers 5.24, models/lfm2_moe (Lfm2MoeTopKRouter, Lfm2MoeExperts) and its
 * configuration class.
 */
export const lfm = family({
  names: ["Lfm2MoeForCausalLM"],
  types: ["lfm2_moe"],
  experts: ["num_experts"],
  activation: () => "silu",
  routing: {
    scoring: "sigmoid",
    renormalize: field(true, "norm_topk_prob"),
    renormEpsilon: 1e-6,
    scalingFactor: field(1, "routed_scaling_factor"),
    correctionBias: field(true, "use_expert_bias"),
  },
  sparse: dense(field(2, "num_dense_layers")),
});
