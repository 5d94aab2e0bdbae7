import type { ConfigReader } from "./config.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";
import { stepped } from "./sparse.ts";

const notes = (config: ConfigReader): readonly string[] =>
  config.get("use_residual") === true
    ? ["the dense residual MLP beside the experts has a norm of its own: it is the caller's"]
    : [];

/**
 * Snowflake Arctic: softmax over all experts, top-2, weights divided by their sum (a single one is
 * not); experts in every `moe_layer_frequency`-th layer.
 * Source: vllm-project/vllm, model_executor/models/arctic.py (ArcticMoE, ArcticDecoderLayer) and
 * transformers_utils/configs/arctic.py.
 */
export const arctic = family({
  names: ["ArcticForCausalLM"],
  types: ["arctic"],
  experts: ["num_local_experts"],
  intermediate: ["intermediate_size"],
  routing: {
    scoring: "softmax",
    renormalize: (config) => config.get("num_experts_per_tok") !== 1,
  },
  sparse: stepped(field(2, "moe_layer_frequency")),
  notes,
});
