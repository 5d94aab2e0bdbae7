import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { refuseRouting } from "./refuse.ts";

const KIND = "zero_expert_type";

/** Experts that compute nothing give the token; of another kind they would give something else. */
function inspect(config: ConfigReader): void {
  const kind = config.get(KIND) ?? "identity";
  if (kind === "identity") return;
  const message = `experts without weights of ${KIND} ${show(kind)} give something else than the token`;
  refuseRouting(config, KIND, message);
}

/**
 * LongCat-Flash: softmax over the experts and `zero_expert_num` identity ones, a correction bias that
 * picks the ids only, no renormalisation, scaled.
 * Source: transformers 5.24, models/longcat_flash (LongcatFlashTopkRouter, LongcatFlashExperts) and
 * its configuration class; arXiv:2509.01322, equation 1.
 */
export const longcat = family({
  names: ["LongcatFlashForCausalLM", "LongcatFlashNgramForCausalLM"],
  types: ["longcat_flash"],
  experts: ["n_routed_experts", "num_local_experts"],
  topK: ["moe_topk", "num_experts_per_tok"],
  intermediate: ["expert_ffn_hidden_size", "moe_intermediate_size"],
  routing: {
    scoring: "softmax",
    renormalize: false,
    scalingFactor: field(6, "routed_scaling_factor"),
    correctionBias: true,
  },
  identity: field(256, "zero_expert_num"),
  depth: "num_layers",
  inspect,
  notes: () => ["the dense MLPs that run beside the experts are the caller's"],
});
