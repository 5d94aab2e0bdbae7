import { show } from "../spec/show.ts";
import { swigluoaiOf } from "./activation.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { refuseShared } from "./refuse.ts";

const SHARED = "shared_intermediate_size";

/** Always there in transformers; sglang reads whether it is. */
const correctionBias = field(true, "use_routing_bias");

/**
 * MiniMax-Text-01 and M1: Mixtral's routing. M2 and M3: sigmoid scores, a correction bias that picks the ids only, weights divided by
 * their sum. M3 scales the routed sum, adds one shared expert, and has GPT-OSS's activation without
 * its biases (`hidden_act` is "silu" where transformers 5 saved the config: it means the same).
 * Source: transformers 5.24, models/{minimax, minimax_m2, minimax_m3_vl}; sglang 0.5.23, models/minimax_m3.py; vLLM, models/minimax_text_01.py (which M1 is too).
 */
export const minimax = family(
  {
    names: ["MiniMaxForCausalLM", "MiniMaxText01ForCausalLM", "MiniMaxM1ForCausalLM"],
    types: ["minimax", "minimax_text_01", "minimax_m1", "MiniMaxText01"],
    experts: ["num_local_experts", "num_experts"],
    intermediate: ["intermediate_size"],
    routing: { scoring: "softmax", renormalize: true },
    inspect: (config) => {
      const shared = config.get(SHARED);
      if ([undefined, null, 0].some((none) => none === shared)) return;
      const message = `a shared expert of ${show(shared)} columns, weighed by a coefficient of its own`;
      refuseShared(config, SHARED, message);
    },
  },
  {
    names: ["MiniMaxM2ForCausalLM"],
    types: ["minimax_m2"],
    experts: ["num_local_experts", "num_experts"],
    intermediate: ["intermediate_size"],
    routing: { scoring: "sigmoid", renormalize: true, correctionBias },
  },
  {
    names: [
      "MiniMaxM3ForCausalLM",
      "MiniMaxM3SparseForCausalLM",
      "MiniMaxM3SparseForConditionalGeneration",
      "MiniMaxM3VLForCausalLM",
    ],
    types: ["minimax_m3", "minimax_m3_vl_text", "minimax_m3_vl"],
    experts: ["num_local_experts", "num_experts"],
    intermediate: ["intermediate_size"],
    activation: swigluoaiOf,
    routing: {
      scoring: "sigmoid",
      renormalize: true,
      scalingFactor: field(2, "routed_scaling_factor"),
      correctionBias,
    },
    shared: { count: 1, intermediate: field(3072, SHARED) },
  },
);
