import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { refuseRouting } from "./refuse.ts";

/** sparsemixer chooses twice, whatever the config says. */
function inspect(config: ConfigReader): void {
  const chosen = config.get("num_experts_per_tok");
  if (chosen === undefined || chosen === 2) return;
  refuseRouting(
    config,
    "num_experts_per_tok",
    `Phi-MoE's sparsemixer chooses 2 experts, num_experts_per_tok says ${show(chosen)}`,
  );
}

/**
 * Phi-3.5-MoE and Phi-mini-MoE: two experts, one after the other, each weighed by a softmax over the
 * logits that are near its own ("sparsemixer": those further off than 2 × `router_jitter_noise`,
 * relative, are masked), the second without the first.
 * Source: transformers 5.24, models/phimoe (sparsemixer, PhimoeTopKRouter, PhimoeConfig: top-2,
 * jitter 0.01); arXiv:2409.12136.
 */
export const phimoe = family({
  names: ["PhiMoEForCausalLM", "PhimoeForCausalLM"],
  types: ["phimoe"],
  experts: ["num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: {
    scoring: "softmax",
    renormalize: false,
    scoreNear: field(0.01, "router_jitter_noise"),
  },
  inspect,
});
