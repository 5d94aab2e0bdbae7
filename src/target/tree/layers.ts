/** What the trees' models have in common: who they are, and how one of them makes its layer. */
import type { Edit } from "./edit.ts";
import type { HostedModel } from "./tree.ts";

/** The four families that every checkout has. */
export const grok: HostedModel = {
  title: "Grok",
  architectures: ["Grok1ForCausalLM"],
  config: {
    experts: ["num_local_experts"],
    intermediate: ["moe_intermediate_size", "intermediate_size"],
    activation: "gelu",
  },
};

export const qwen3: HostedModel = {
  title: "Qwen3-MoE",
  architectures: ["Qwen3MoeForCausalLM"],
  config: { experts: ["num_experts"], intermediate: ["moe_intermediate_size"] },
};

export const qwen2: HostedModel = {
  title: "Qwen2-MoE",
  architectures: ["Qwen2MoeForCausalLM"],
  config: {
    experts: ["num_experts"],
    intermediate: ["moe_intermediate_size", "intermediate_size"],
  },
};

export const ling: HostedModel = {
  title: "Ling",
  architectures: ["BailingMoEForCausalLM", "BailingMoeForCausalLM", "BailingMoeV2ForCausalLM"],
  config: { experts: ["num_experts"], intermediate: ["moe_intermediate_size"] },
};

/** One of two layers, by a condition. */
export interface LayerChoice {
  /** Class that makes the layer. */
  readonly in: string;
  /** Its function that does. Absent: `__init__`. */
  readonly method?: string;
  /** Attribute of the layer. */
  readonly attribute: string;
  /** The layer's class as it was, and under the condition. */
  readonly was: string;
  readonly becomes: string;
  readonly condition: string;
  /** Arguments of the new class, one a line. */
  readonly given: readonly string[];
}

/**
 * Where the class makes it: the attribute's layer as it was, or the new one where `condition`
 * holds.
 */
export function layerChoice(choice: LayerChoice): Edit {
  const { method = "__init__", attribute, was, becomes, condition, given } = choice;
  return {
    edit: "branch",
    at: { in: `${choice.in}.${method}`, statement: `self.${attribute} = ${was}(...)` },
    condition,
    code: `self.${attribute} = ${becomes}(\n${argumentLines(given)})\n`,
  };
}

/** Arguments of a call, one a line. */
export function argumentLines(given: readonly string[]): string {
  return given.map((one) => `    ${one},\n`).join("");
}

const placement: readonly string[] = [
  "mesh=mesh",
  "ep_size=config.ep_size",
  "weight_dtype=dtype",
  "dtype=dtype",
  "layer_id=layer_id",
];

/** What Qwen and Ling hand on, its sizes from a constructor's arguments or the configuration. */
export function expertSizes(from: "" | "config."): readonly string[] {
  return [
    `num_experts=${from}num_experts`,
    `num_experts_per_tok=${from}num_experts_per_tok`,
    `intermediate_dim=${from}moe_intermediate_size`,
    ...placement,
  ];
}

/** The same of Grok. */
export const grokSizes: readonly string[] = [
  "num_experts=num_experts",
  "num_experts_per_tok=self.top_k",
  "intermediate_dim=intermediate_size",
  'activation="gelu"',
  ...placement,
];
