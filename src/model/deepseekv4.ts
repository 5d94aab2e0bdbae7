import { clampedOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field, numberOf } from "./field.ts";
import { GIVEN } from "./refuse.ts";

/** Layers that look their experts up; transformers' class has 3 where the config says nothing. */
function hashedOf(config: ConfigReader): number {
  return numberOf(config, "layers", field(3, "num_hash_layers"));
}

/** Whether the layer that is read is one of them. */
function given(config: ConfigReader): boolean {
  return config.layer !== undefined && config.layer < hashedOf(config);
}

function notes(config: ConfigReader): readonly string[] {
  const hashed = hashedOf(config);
  if (config.layer !== undefined) {
    return given(config)
      ? ["tid2eid has the experts of each token's id: the caller looks them up and weighs them"]
      : [];
  }
  return hashed === 0
    ? []
    : [`the first ${hashed} layers take their experts from the token's id: they need ${GIVEN}`];
}

/**
 * DeepSeek-V4: sqrt-softplus scores, a correction bias that picks the ids only, top-k without groups,
 * weights divided by their sum and scaled; gate at most `swiglu_limit` and up within it, the shared
 * expert's too. The first layers take their ids from a table by token id.
 * Source: transformers 5.24, models/deepseek_v4 (DeepseekV4TopKRouter, …HashRouter, …Experts, …MLP,
 * …SparseMoeBlock) and its configuration class.
 */
export const deepseekv4 = family({
  names: ["DeepseekV4ForCausalLM"],
  types: ["deepseek_v4"],
  experts: ["n_routed_experts", "num_local_experts"],
  activation: (config) => clampedOf(config, 10),
  routing: {
    scoring: "sqrt_softplus",
    renormalize: true,
    renormEpsilon: 1e-20,
    scalingFactor: field(1.5, "routed_scaling_factor"),
    correctionBias: true,
  },
  given,
  shared: { count: field(1, "n_shared_experts") },
  notes,
});
