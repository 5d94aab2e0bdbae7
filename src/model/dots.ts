import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { dense } from "./sparse.ts";

/**
 * dots.llm1: DeepSeek-V3's routing, one group by default, not renormalised by default; shared experts
 * of the routed ones' size. Its `scoring_func` names the choice ("noaux_tc"): the scores are sigmoids.
 * Source: transformers 5.24, models/dots1 (Dots1TopkRouter, Dots1MoE) and its configuration class.
 */
export const dots = family({
  names: ["Dots1ForCausalLM"],
  types: ["dots1"],
  experts: ["n_routed_experts", "num_local_experts"],
  routing: deepseekRouting({ scoringFixed: true, renormalize: field(false, "norm_topk_prob") }),
  shared: { count: field(0, "n_shared_experts") },
  sparse: dense(field(0, "first_k_dense_replace")),
});
