import { indicesText, MOST_LAYERS } from "../spec/layers.ts";
import { clampedOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { depthOf } from "./depth.ts";
import { family } from "./family.ts";
import { field, numberOf } from "./field.ts";
import { entriesOf, wholeOf } from "./layer-fields.ts";
import { GIVEN } from "./refuse.ts";

const TYPES: ReadonlyMap<unknown, boolean> = new Map([
  ["hash_moe", true],
  ["moe", false],
]);

/**
 * Layers that look their experts up: `mlp_layer_types` names them where transformers 5 saved the config,
 * else they are the first `num_hash_layers`. Its class has 3, fewer where the model has.
 */
function hashedOf(config: ConfigReader): readonly number[] {
  const depth = depthOf(config);
  const types = entriesOf(config, "mlp_layer_types", depth ?? MOST_LAYERS, TYPES)?.slice(0, depth);
  if (types !== undefined) return types.flatMap((hashed, index) => (hashed ? [index] : []));
  const count = wholeOf(config, field(3, "num_hash_layers"), 0, depth ?? MOST_LAYERS);
  return Array.from({ length: Math.min(count, depth ?? count) }, (_, index) => index);
}

/** Whether the layer that is read is one of them. */
function given(config: ConfigReader): boolean {
  return config.layer !== undefined && hashedOf(config).includes(config.layer);
}

const scaling = field(1.5, "routed_scaling_factor");

/** What DeepseekV4HashRouter does, for a caller in JAX. */
const lookUp = (factor: number): string =>
  "what the caller gives, by token id: topk_ids = tid2eid[token_ids]; " +
  "scores = jnp.take_along_axis(jnp.sqrt(jax.nn.softplus(logits)), topk_ids, axis=-1); " +
  `topk_weights = ${factor} * scores / (scores.sum(axis=-1, keepdims=True) + 1e-20)`;

function notes(config: ConfigReader): readonly string[] {
  if (config.layer !== undefined) {
    return given(config) ? [lookUp(numberOf(config, "routing", scaling))] : [];
  }
  const hashed = hashedOf(config);
  return hashed.length === 0
    ? []
    : [`layers ${indicesText(hashed)} take their experts from the token's id: they need ${GIVEN}`];
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
    scalingFactor: scaling,
    correctionBias: true,
  },
  given,
  layerTypes: { hash_moe: true, moe: true },
  shared: { count: field(1, "n_shared_experts") },
  notes,
});
