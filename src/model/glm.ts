import { clampedOf } from "./activation.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { type FamilyData, family } from "./family.ts";
import { field } from "./field.ts";
import { dense } from "./sparse.ts";

/** What GLM's generations have in common; their classes scale and start the experts differently. */
const glmData = (scaling: number, denseLayers: number): Omit<FamilyData, "names"> => ({
  experts: ["n_routed_experts", "num_local_experts", "num_experts"],
  routing: deepseekRouting({ scalingFactor: field(scaling, "routed_scaling_factor") }),
  shared: { count: field(1, "n_shared_experts") },
  sparse: dense(field(denseLayers, "first_k_dense_replace")),
});

/**
 * GLM-4.5, 4.6, 4.7 (and V), GLM-4.7-Flash, GLM-5.x: DeepSeek-V3's routing, one group by default, and
 * shared experts of the routed ones' size. GLM-5-Next clamps gate and up, the shared expert's too.
 * Source: transformers 5.24, models/{glm4_moe, glm4v_moe, glm4_moe_lite, glm_moe_dsa, glm5_next}:
 * …TopkRouter, …MoE, …DecoderLayer and configuration classes.
 */
export const glm = family(
  {
    names: ["Glm4MoeForCausalLM", "Glm4vMoeForConditionalGeneration"],
    types: ["glm4_moe", "glm4v_moe_text", "glm4v_moe"],
    ...glmData(1, 1),
  },
  { names: ["Glm4MoeLiteForCausalLM"], types: ["glm4_moe_lite"], ...glmData(1.8, 1) },
  { names: ["GlmMoeDsaForCausalLM"], types: ["glm_moe_dsa"], ...glmData(2.5, 3) },
  {
    names: ["Glm5NextForConditionalGeneration"],
    types: ["glm5_next_text", "glm5_next"],
    ...glmData(2.5, 3),
    activation: (config) => clampedOf(config, 10),
  },
);
