import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field, numberOf } from "./field.ts";
import { refuseRouting } from "./refuse.ts";

const ZERO = "zero_expert_num";

function inspect(config: ConfigReader): void {
  const zero = numberOf(config, "routing", field(256, ZERO));
  if (zero === 0) return;
  const message = `${zero} more experts that the router may choose return the token as it is, which the kernel does not have`;
  refuseRouting(config, ZERO, message);
}

/**
 * LongCat-Flash: softmax over the experts and `zero_expert_num` identity ones, a correction bias that
 * picks the ids only, no renormalisation, scaled. With routing given, a choice of an identity expert
 * is any expert at weight 0, and the caller adds the token times the weight.
 * Source: transformers 5.24, models/longcat_flash (LongcatFlashTopkRouter, LongcatFlashExperts) and
 * its configuration class.
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
  depth: "num_layers",
  inspect,
  notes: () => ["the dense MLPs that run beside the experts are the caller's"],
});
