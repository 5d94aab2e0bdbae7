import { swigluoaiOf } from "./activation.ts";
import { family } from "./family.ts";

/**
 * GPT-OSS: top-k by router logits, softmax of the chosen ones alone; gate at most `swiglu_limit`, up
 * within it, then gate * sigmoid(1.702 gate) * (up + 1), its slope a field of later configs; biases
 * on all projections. The router's own bias is in the logits that the kernel takes. The checkpoint has
 * gate and up as one matrix with their columns *interleaved* (gate 0, up 0, gate 1, …): none of the
 * layouts here, so the loader takes even columns as gate and odd ones as up; `side_by_side` is the
 * closest. Its mxfp4 weights are read as every family's `quantization_config` is.
 * Source: openai/gpt-oss, gpt_oss/torch/model.py; transformers 5.24, models/gpt_oss.
 */
export const gptoss = family({
  names: ["GptOssForCausalLM"],
  types: ["gpt_oss"],
  experts: ["num_local_experts", "num_experts"],
  topK: ["num_experts_per_tok", "experts_per_token"],
  intermediate: ["intermediate_size"],
  activation: swigluoaiOf,
  biases: true,
  // The chosen ones' softmax sums to 1 already.
  routing: { scoring: "softmax", scoringFixed: true, renormalize: false, scoreChosen: true },
  notes: () => [
    "the router's bias is in the logits that the kernel takes",
    "the checkpoint interleaves gate and up columns: the loader takes even ones as gate, odd ones as up",
  ],
});
