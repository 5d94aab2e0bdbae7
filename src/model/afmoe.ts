import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { dense } from "./sparse.ts";

/**
 * AFMoE (Arcee Trinity): sigmoid scores, a correction bias that picks the ids only, weights divided
 * by their sum unless `route_norm` denies it, times `route_scale`; shared experts of the routed ones'
 * size, two where the config does not count them.
 * Source: transformers 5.24, models/afmoe (AfmoeTokenChoiceRouter, AfmoeSparseMoeBlock) and its
 * configuration class; sglang 0.5.23, configs/afmoe.py (`route_norm`, groups).
 */
export const afmoe = family({
  names: ["AfmoeForCausalLM"],
  types: ["afmoe"],
  experts: ["num_experts"],
  routing: deepseekRouting({
    renormalize: field(true, "route_norm"),
    scalingFactor: field(1, "route_scale"),
  }),
  shared: { count: field(2, "num_shared_experts") },
  sparse: dense(field(1, "num_dense_layers")),
});
