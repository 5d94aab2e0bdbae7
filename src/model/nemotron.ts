import type { Activation } from "../spec/layer.ts";
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field, flagOf, numberOf, statedName } from "./field.ts";
import { entriesOf } from "./layer-fields.ts";
import { refuseActivation, refuseExperts } from "./refuse.ts";
import type { SparseRule } from "./sparse.ts";

const LATENT = "moe_latent_size";
const SHARED = field(1, "n_shared_experts");

/** What a layer is, in a pattern's letters and by name, as transformers has written it: whether it has experts. */
const BLOCKS: ReadonlyMap<unknown, boolean> = new Map([
  ["E", true],
  ["M", false],
  ["*", false],
  ["-", false],
  ["moe", true],
  ["mlp", false],
  ["mamba", false],
  ["attention", false],
  ["linear_attention", false],
  ["full_attention", false],
]);

/** Layers are of one kind each. */
const sparse: SparseRule = (config, depth) => {
  const name = statedName(config, ["layers_block_type", "hybrid_override_pattern"]);
  const blocks = name === undefined ? undefined : entriesOf(config, name, depth, BLOCKS);
  return (index) => blocks?.[index] === true;
};

function activation(config: ConfigReader): Activation {
  const act = config.get("mlp_hidden_act") ?? "relu2";
  if (act !== "relu2") {
    const message = `mlp_hidden_act ${show(act)} of experts without a gate is not one the kernel has`;
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
  inspect: (config) => {
    if (flagOf(config, "biases", field(false, "mlp_bias"))) {
      refuseExperts(
        config,
        "mlp_bias",
        "mlp_bias is true: experts without a gate have no biases here",
      );
    }
  },
  notes,
});
