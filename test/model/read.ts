/** What the tests of readers share. */
import { layerOrigin } from "../../src/dsl/brand.ts";
import type { LayerOverrides } from "../../src/dsl/input.ts";
import { moe } from "../../src/index.ts";

export const problemsOf = (layer: unknown) => layerOrigin(layer)?.problems ?? [];

export const read = (config: object, overrides: LayerOverrides = {}) =>
  moe.fromHuggingFace({ ...config }, overrides);

/** Every size under its usual names. */
export const SIZES = {
  hidden_size: 4096,
  moe_intermediate_size: 2048,
  intermediate_size: 2048,
  num_experts_per_tok: 2,
  num_experts: 16,
  num_local_experts: 16,
  n_routed_experts: 16,
};
