import type { Activation } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, numberOf, statedName } from "./field.ts";
import { refuseActivation } from "./refuse.ts";
import type { SparseRule } from "./sparse.ts";

const LATENT = "moe_latent_size";
const SHARED = field(1, "n_shared_experts");

/** Layers are of one kind each: "E" in the pattern, or "moe" in the list, has experts. */
const sparse: SparseRule = (config) => {
  const kinds = config.get("layers_block_type");
  const pattern = config.get("hybrid_override_pattern");
  const list: readonly unknown[] = Array.isArray(kinds)
    ? kinds
    : [...(typeof pattern === "string" ? pattern : "")];
  return (index) => list[index] === "moe" || list[index] === "E";
};

function activation(config: ConfigReader): Activation {
  const act = config.get("mlp_hidden_act") ?? "relu2";
  if (act !== "relu2") {
    const message = `mlp_hidden_act ${JSON.stringify(act)} of experts without a gate is not one the kernel has`;
    refuseActivation(config, "mlp_hidden_act", message, ["relu2"]);
  }
  return "relu2";
}

function notes(config: ConfigReader): readonly string[] {
  const shared = numberOf(config, "sharedExperts", SHARED);
  return [
    ...(statedName(config, [LATENT]) === undefined
      ? []
      : ["the projections into and out of the latent rows are the caller's"]),
    ...(shared === 0
      ? []
      : ["the shared expert is the caller's: without a gate, on the whole row"]),
  ];
}

/**
 * Nemotron-3 (Nemotron-H with experts): DeepSeek-V3's routing; experts without a gate, relu squared,
 * between projections to `moe_latent_size` where that is stated; a shared expert of the same kind on
 * the whole row, which the kernel leaves to its caller.
 * Source: transformers 5.24, models/nemotron_h (NemotronHExperts, NemotronHMoE, NemotronHTopkRouter)
 * and its configuration class.
 */
export const nemotron = family({
  names: ["NemotronHForCausalLM", "NemotronHPuzzleForCausalLM"],
  types: ["nemotron_h"],
  experts: ["n_routed_experts", "num_local_experts"],
  hidden: [LATENT, "hidden_size"],
  activation,
  routing: deepseekRouting(),
  sparse,
  notes,
});
