import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { biasedByMethod } from "./routing.ts";
import { dense } from "./sparse.ts";

/**
 * MiMo-V2 (Flash, Pro): DeepSeek-V3's routing, one group by default, without shared experts; a
 * `routed_scaling_factor` of null is 1. The first layer is dense unless `moe_layer_freq` says which.
 * Source: transformers 5.24, models/mimo_v2_flash; sglang 0.5.23, models/mimo_v2.py.
 */
export const mimo = family({
  names: ["MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM"],
  types: ["mimo_v2_flash", "mimo_v2"],
  experts: ["n_routed_experts", "num_local_experts"],
  routing: deepseekRouting({ correctionBias: biasedByMethod }),
  sparse: dense(1),
});
