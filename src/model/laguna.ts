import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { refuseExperts } from "./refuse.ts";
import { dense } from "./sparse.ts";

const ON_INPUT = "moe_apply_router_weight_on_input";

function inspect(config: ConfigReader): void {
  if (config.get(ON_INPUT) !== true) return;
  const message = "scores multiply an expert's input, which no published code of Laguna does";
  refuseExperts(config, ON_INPUT, message);
}

/**
 * Laguna: logits capped where `moe_router_logit_softcapping` is above 0, sigmoid scores, a correction
 * bias that picks the ids only, weights divided by their sum; the routed sum is scaled, one shared
 * expert added plainly. The first layer is dense unless `mlp_layer_types` says which.
 * Source: transformers 5.24, models/laguna (LagunaTopKRouter, LagunaSparseMoeBlock) and its
 * configuration class.
 */
export const laguna = family({
  names: ["LagunaForCausalLM"],
  types: ["laguna"],
  experts: ["num_experts"],
  routing: {
    scoring: "sigmoid",
    renormalize: true,
    scalingFactor: field(1, "moe_routed_scaling_factor"),
    correctionBias: true,
    logitSoftCap: field(0, "moe_router_logit_softcapping"),
  },
  shared: { count: 1, intermediate: field(512, "shared_expert_intermediate_size") },
  sparse: dense(1),
  inspect,
});
