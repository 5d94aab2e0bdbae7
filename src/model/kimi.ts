import { situOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, flagOf, numberOf, statedName } from "./field.ts";
import { groupsOr } from "./routing.ts";
import { afterDense } from "./sparse.ts";

const LATENT = "routed_expert_hidden_size";
const SHARED_OUTSIDE = "the shared experts are the caller's";
const SHARED = field(0, "num_shared_experts", "n_shared_experts");

const latent = (config: ConfigReader): boolean => statedName(config, [LATENT]) !== undefined;

function notes(config: ConfigReader): readonly string[] {
  if (!latent(config)) return [];
  const around =
    "the projections into and out of the latent rows, and their norm, are the caller's";
  return numberOf(config, "sharedExperts", SHARED) === 0
    ? [around]
    : [around, `${SHARED_OUTSIDE}: they take rows of hidden_size, the routed ones of ${LATENT}`];
}

/**
 * Kimi-Linear and Kimi-K3: DeepSeek-V3's routing under names of its own, always with a correction
 * bias. K3's experts are between projections to `routed_expert_hidden_size`, which its shared experts are
 * not: those are the caller's. Its `hidden_act` is "situ".
 * Source: sglang 0.5.23, configs/kimi_linear.py, models/{kimi_linear, kimi_k3}.py; transformers 5.24,
 * models/kimi_linear (whose names a config has that it saved).
 */
export const kimi = family({
  names: ["KimiLinearForCausalLM", "KimiK3LinearForCausalLM", "KimiK3ForConditionalGeneration"],
  types: ["kimi_linear"],
  experts: ["num_experts", "num_local_experts"],
  topK: ["num_experts_per_token", "num_experts_per_tok"],
  hidden: [LATENT, "hidden_size"],
  activation: situOf,
  routing: deepseekRouting({
    renormalize: field(true, "moe_renormalize", "norm_topk_prob"),
    groups: (config) =>
      flagOf(config, "routing", field(true, "use_grouped_topk")) ? groupsOr(1, 1) : undefined,
  }),
  shared: (config) => (latent(config) ? undefined : { count: SHARED }),
  sparse: afterDense(field(0, "first_k_dense_replace"), field(1, "moe_layer_freq")),
  notes,
});
