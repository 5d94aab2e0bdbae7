import { defined } from "../spec/defined.ts";
import { family } from "./family.ts";
import { field, numberOf } from "./field.ts";
import { limitedAt, refuseLimits } from "./limits.ts";
import { dense, enumerated } from "./sparse.ts";

/** `moe_layers_enum`, "3,4,5,…", where the config has it; else all but the first dense ones. */
const sparse = enumerated("moe_layers_enum", dense(field(0, "first_k_dense_replace")));

const LIMITS = "swiglu_limits";
const SHARED_LIMITS = "swiglu_limits_shared";
const sharedWidth = field(1280, "share_expert_dim", "share_expert_dims");

/**
 * Step-3: softmax of all experts, weights divided by their sum where `norm_expert_weight`. Step-3.5 and
 * 3.7: sigmoid scores, a correction bias that picks the ids only, weights divided by their sum and
 * scaled. One shared expert of `share_expert_dim`, added plainly.
 * Source: transformers 5.24, models/step3p7 and its configuration class (with the names of its
 * `attribute_map`); sglang 0.5.23, models/step3p5.py, configs/step3p5.py; vLLM, models/step3_text.py with
 * transformers_utils/configs/step3_vl.py.
 */
export const step = family(
  {
    names: ["Step3VLForConditionalGeneration", "Step3TextForCausalLM"],
    types: ["step3_text", "step3_vl"],
    experts: ["moe_num_experts"],
    topK: ["moe_top_k"],
    activation: () => "silu",
    routing: { scoring: "softmax", renormalize: field(false, "norm_expert_weight") },
    shared: { count: 1, intermediate: field(5120, "share_expert_dim") },
    sparse: enumerated("moe_layers_enum", dense(1)),
  },
  {
    names: [
      "Step3p5ForCausalLM",
      "Step3p7ForConditionalGeneration",
      "Step3p7ForCausalLM",
      "Step3p7FlashForCausalLM",
    ],
    types: ["step3p5", "step3p7"],
    experts: ["moe_num_experts", "n_routed_experts", "num_experts", "num_local_experts"],
    topK: ["moe_top_k", "num_experts_per_tok"],
    routing: {
      scoring: "sigmoid",
      renormalize: true,
      scalingFactor: field(1, "moe_router_scaling_factor"),
      correctionBias: field(true, "use_moe_router_bias"),
    },
    activation: (config) => limitedAt(config, LIMITS, SHARED_LIMITS).routed,
    shared: (config) => ({
      count: 1,
      intermediate: sharedWidth,
      ...defined({ activation: limitedAt(config, LIMITS, SHARED_LIMITS).shared }),
    }),
    sparse,
    inspect: (config) =>
      refuseLimits(config, LIMITS, SHARED_LIMITS, numberOf(config, "sharedExperts", sharedWidth)),
  },
);
