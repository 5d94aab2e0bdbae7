import { family } from "./family.ts";
import { refuseRouting } from "./refuse.ts";

/**
 * Phi-3.5-MoE and Phi-mini-MoE: two experts, one after the other, each weighed by a softmax over the
 * logits that are near its own ("sparsemixer": those further off than 2 × `router_jitter_noise`,
 * relative, are masked), the second without the first. Refused: the kernel's softmax masks nothing.
 * Source: transformers 5.24, models/phimoe (sparsemixer, PhimoeTopKRouter); arXiv:2409.12136.
 */
export const phimoe = family({
  names: ["PhiMoEForCausalLM", "PhimoeForCausalLM"],
  types: ["phimoe"],
  experts: ["num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: { scoring: "softmax", renormalize: false },
  inspect: (config) =>
    refuseRouting(
      config,
      "architectures",
      "Phi-MoE's sparsemixer masks logits far from the chosen one's before its softmax, which the kernel does not",
    ),
});
