import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";

const notes = (config: ConfigReader): readonly string[] =>
  config.get("residual_moe") === true
    ? ["the dense MLP beside the experts (residual_moe) is the caller's"]
    : [];

/**
 * Grok-1 and Grok-2: logits capped by 30 * tanh(logits / 30), softmax over all experts, top-k, no
 * renormalisation, gelu (tanh form; the code fixes it, whatever the config says). A cap of 0 means
 * none, as in sglang. Grok-2's dense MLP beside the experts (`residual_moe`) is another module.
 * Source: sgl-project/sglang-jax, python/sgl_jax/srt/models/grok.py; sglang, models/grok.py.
 */
export const grok = family({
  names: ["Grok1ForCausalLM", "Grok1ModelForCausalLM"],
  experts: ["num_local_experts", "num_experts"],
  intermediate: ["moe_intermediate_size", "intermediate_size"],
  activation: () => "gelu",
  routing: {
    scoring: "softmax",
    renormalize: false,
    logitSoftCap: field(30, "router_logit_softcapping"),
  },
  notes,
});
