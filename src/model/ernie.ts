import { family } from "./family.ts";
import { field } from "./field.ts";
import { wholeOf } from "./layer-fields.ts";
import type { SparseRule } from "./sparse.ts";

/** Every `moe_layer_interval`-th layer from `moe_layer_start_index` to `moe_layer_end_index`. */
const sparse: SparseRule = (config, depth) => {
  const start = wholeOf(config, field(1, "moe_layer_start_index"), 0, depth - 1);
  const end = wholeOf(config, field(-1, "moe_layer_end_index"), -1, depth - 1);
  const interval = wholeOf(config, field(1, "moe_layer_interval"), 1, depth);
  return (index) => (index + 1) % interval === 0 && index >= start && (end === -1 || index <= end);
};

/**
 * ERNIE-4.5: softmax over all experts, a correction bias that picks the ids only, weights divided by
 * their sum or by `moe_norm_min` where that is more (what the bias alone chooses may weigh less);
 * shared experts of the routed ones' size. ERNIE-4.5-VL, with experts for text and others for images, is not read.
 * Source: transformers 5.24, models/ernie4_5_moe (Ernie4_5_MoeTopKRouter, …SparseMoeBlock,
 * …DecoderLayer) and its configuration class.
 */
export const ernie = family({
  names: ["Ernie4_5_MoeForCausalLM"],
  types: ["ernie4_5_moe"],
  experts: ["moe_num_experts", "num_experts"],
  topK: ["moe_k", "num_experts_per_tok"],
  routing: {
    scoring: "softmax",
    renormalize: true,
    renormEpsilon: { atLeast: field(1e-12, "moe_norm_min") },
    correctionBias: true,
  },
  shared: { count: field(2, "moe_num_shared_experts") },
  sparse,
});
