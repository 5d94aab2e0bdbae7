import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, numberOf, statedName } from "./field.ts";
import { refuseShared } from "./refuse.ts";
import { afterDense } from "./sparse.ts";

const LATENT = "routed_expert_hidden_size";
const SHARED = field(0, "num_shared_experts", "n_shared_experts");

/** K3's routed experts work in a narrower space; its shared ones take the token's whole row. */
function inspect(config: ConfigReader): void {
  if (statedName(config, [LATENT]) === undefined) return;
  if (numberOf(config, "sharedExperts", SHARED) === 0) return;
  const message = `the routed experts take rows of ${LATENT} columns, the shared ones of hidden_size`;
  refuseShared(config, LATENT, message);
}

function notes(config: ConfigReader): readonly string[] {
  return statedName(config, [LATENT]) === undefined
    ? []
    : ["the projections into and out of the latent rows, and their norm, are the caller's"];
}

/**
 * Kimi-Linear and Kimi-K3: DeepSeek-V3's routing under names of its own, always with a correction
 * bias. K3's experts are between projections to `routed_expert_hidden_size`, and its `hidden_act` is
 * "situ".
 * Source: sglang 0.5.23, configs/kimi_linear.py, models/{kimi_linear, kimi_k3}.py; transformers 5.24,
 * models/kimi_linear (whose names a config has that it saved).
 */
export const kimi = family({
  names: ["KimiLinearForCausalLM", "KimiK3LinearForCausalLM", "KimiK3ForConditionalGeneration"],
  types: ["kimi_linear"],
  experts: ["num_experts", "num_local_experts"],
  topK: ["num_experts_per_token", "num_experts_per_tok"],
  hidden: [LATENT, "hidden_size"],
  routing: deepseekRouting({ renormalize: field(true, "moe_renormalize", "norm_topk_prob") }),
  shared: { count: SHARED },
  sparse: afterDense(field(0, "first_k_dense_replace"), field(1, "moe_layer_freq")),
  inspect,
  notes,
});
