import { family } from "./family.ts";
import { field } from "./field.ts";
import { enumerated, stepped } from "./sparse.ts";

/** `moe_layers` where the config lists them, else every `interleave_moe_layer_step`-th. */
const sparse = enumerated("moe_layers", stepped(field(1, "interleave_moe_layer_step")));

/**
 * Llama-4: top-k by logits, the sigmoid of each chosen one times the *input* of its expert, results
 * added unweighted; a shared expert of the same size, added plainly.
 * Source: transformers 5.24, models/llama4 (Llama4Router, Llama4TextMoe) and its configuration class.
 */
export const llama = family({
  names: ["Llama4ForConditionalGeneration", "Llama4ForCausalLM"],
  types: ["llama4_text", "llama4"],
  experts: ["num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: { scoring: "sigmoid", renormalize: false, scoreChosen: true },
  shared: { count: 1 },
  scoreOn: "input",
  sparse,
});
