import { activationOf } from "./activation.ts";
import { family } from "./family.ts";
import { field, flagOf } from "./field.ts";
import { refuseExperts } from "./refuse.ts";

const MOE = "enable_moe_block";

/**
 * Gemma-4: softmax over all experts, top-k, weights divided by their sum, then times a learned scale
 * of each expert. A weight that an expert always has may as well be in its down projection: the
 * loader multiplies it in. The dense MLP beside the experts has norms of its own, so it is no shared
 * expert; router norm and scale come before the logits that the kernel takes.
 * Source: transformers 5.24, models/gemma4 (Gemma4TextRouter, Gemma4TextExperts,
 * Gemma4TextDecoderLayer) and its configuration class (`hidden_activation`: the tanh form of gelu).
 */
export const gemma = family({
  names: ["Gemma4ForConditionalGeneration", "Gemma4ForCausalLM"],
  types: ["gemma4_text", "gemma4"],
  experts: ["num_experts"],
  topK: ["top_k_experts"],
  activation: (config) => activationOf(config, ["hidden_activation"], "gelu"),
  routing: { scoring: "softmax", renormalize: true },
  inspect: (config) => {
    if (!flagOf(config, "experts", field(true, MOE))) {
      refuseExperts(config, MOE, `${MOE} is false: no layer of the model has experts`);
    }
  },
  notes: () => [
    "router.per_expert_scale multiplies an expert's result: the loader multiplies it into the expert's down weights, or their scales",
    "the dense MLP beside the experts, and the norms of both, are the caller's",
  ],
});
