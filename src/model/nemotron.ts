import type { Activation } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, statedName } from "./field.ts";
import { refuseExperts } from "./refuse.ts";
import type { SparseRule } from "./sparse.ts";

const LATENT = "moe_latent_size";

/** Layers are of one kind each: "E" in the pattern, or "moe" in the list, has experts. */
const sparse: SparseRule = (config) => {
  const kinds = config.get("layers_block_type");
  const pattern = config.get("hybrid_override_pattern");
  const list: readonly unknown[] = Array.isArray(kinds)
    ? kinds
    : [...(typeof pattern === "string" ? pattern : "")];
  return (index) => list[index] === "moe" || list[index] === "E";
};

function inspect(config: ConfigReader): void {
  const act = String(config.get("mlp_hidden_act") ?? "relu2");
  const message = `Nemotron's experts are up, ${act} and down without a gate: the kernel's have one`;
  refuseExperts(config, "mlp_hidden_act", message);
}

function notes(config: ConfigReader): readonly string[] {
  return statedName(config, [LATENT]) === undefined
    ? []
    : ["the projections into and out of the latent rows are the caller's"];
}

/** Never used: the experts are refused. */
const activation = (): Activation => "silu";

/**
 * Nemotron-3 (Nemotron-H with experts): DeepSeek-V3's routing; experts without a gate, relu squared,
 * between projections to `moe_latent_size` where that is stated; a shared expert on the whole row.
 * Refused: the kernel's experts have a gate.
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
  shared: {
    count: field(1, "n_shared_experts"),
    intermediate: field(7688, "moe_shared_expert_intermediate_size"),
  },
  sparse,
  inspect,
  notes,
});
