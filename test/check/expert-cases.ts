/** Cases of experts of another kind than gate, up and down, weighed at their output; and cut ones. */
import { columnCases } from "./column-cases.ts";
import { LAYER, published, QWEN, specText } from "./marked.ts";
import type { Case } from "./row-cases.ts";

type ExpertCode = "MOE160" | "MOE307" | keyof typeof columnCases;

export const expertCases: Readonly<Record<ExpertCode, Case>> = {
  ...columnCases,
  MOE160: {
    spec: specText({ layer: LAYER.replace("topK: 8,", 'topK: 8,\n    weights: ⟦"up"⟧,') }),
    says: 'weights = "up", and the activation has a gate',
    nearest: ["fused"],
  },
  MOE307: {
    spec: published("config"),
    config: {
      ...QWEN,
      architectures: ["LagunaForCausalLM"],
      moe_apply_router_weight_on_input: true,
    },
    says: "scores multiply an expert's input, which no published code of Laguna does",
    nearest: [],
  },
};
