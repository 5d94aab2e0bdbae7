import { show } from "../spec/show.ts";
import { activationOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { refuseRouting } from "./refuse.ts";

const NORM = "ffn_config.moe_normalize_expert_weights";

/** The p of the norm that weights are divided by. The class's default is 1. */
function inspect(config: ConfigReader): void {
  const p = config.get(NORM);
  if (p === undefined || p === 1) return;
  const message = `weights are divided by their ${show(p)}-norm, in the kernel by their sum`;
  refuseRouting(config, NORM, message);
}

/**
 * DBRX: softmax over all experts, top-k, weights divided by their sum. Its sizes are in `ffn_config`.
 * Source: transformers 5.24, models/dbrx (DbrxFFN, DbrxExpertGLU) and configuration classes.
 */
export const dbrx = family({
  names: ["DbrxForCausalLM"],
  types: ["dbrx"],
  experts: ["ffn_config.moe_num_experts"],
  topK: ["ffn_config.moe_top_k"],
  hidden: ["d_model"],
  intermediate: ["ffn_config.ffn_hidden_size"],
  activation: (config) => activationOf(config, ["ffn_config.ffn_act_fn.name"]),
  // A p of null, unlike none stated, leaves weights as they are.
  routing: { scoring: "softmax", renormalize: (config) => config.at(NORM) !== null },
  depth: "n_layers",
  inspect,
});
