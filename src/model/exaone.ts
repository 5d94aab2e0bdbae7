import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { dense } from "./sparse.ts";

/**
 * K-EXAONE: DeepSeek-V3's routing, one group by default, and shared experts of the routed ones' size.
 * Source: transformers 5.24, models/exaone_moe (ExaoneMoeTopkRouter, ExaoneMoeSparseMoEBlock) and its
 * configuration class.
 */
export const exaone = family({
  names: ["ExaoneMoEForCausalLM", "ExaoneMoeForCausalLM"],
  types: ["exaone_moe"],
  experts: ["num_experts", "num_local_experts"],
  routing: deepseekRouting({ scalingFactor: field(2.5, "routed_scaling_factor") }),
  shared: { count: field(1, "num_shared_experts") },
  sparse: dense(field(1, "first_k_dense_replace")),
});
