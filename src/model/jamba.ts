import { family } from "./family.ts";
import { field } from "./field.ts";
import { wholeOf } from "./layer-fields.ts";
import type { SparseRule } from "./sparse.ts";

/** Layers whose number, from 0, leaves `expert_layer_offset` when divided by the period. */
const sparse: SparseRule = (config, depth) => {
  const period = wholeOf(config, field(2, "expert_layer_period"), 1, depth);
  const offset = wholeOf(config, field(1, "expert_layer_offset"), 0, period - 1);
  return (index) => index % period === offset;
};

/**
 * Jamba: softmax over all experts, top-k, no renormalisation; experts in every second layer.
 * Source: transformers 5.24, models/jamba (JambaTopKRouter, JambaSparseMoeBlock, layers_num_experts)
 * and its configuration class.
 */
export const jamba = family({
  names: ["JambaForCausalLM"],
  types: ["jamba"],
  experts: ["num_experts", "num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: { scoring: "softmax", renormalize: false },
  sparse,
});
