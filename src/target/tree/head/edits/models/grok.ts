/** Grok, which says which classes its layer may be. */
import { grokSizes } from "../../../layers.ts";
import type { Varying } from "../../../tree.ts";
import { grok as host } from "../hosts.ts";
import { file, form, generated, likeEpmoe, model, sizes, usesFused } from "./parts.ts";

const FILE = "grok.py";
const [, ...grokGiven] = sizes(grokSizes);
const choice = {
  in: "Grok1MoE",
  attribute: "experts",
  given: ["hidden_size=hidden_size", ...grokGiven],
};

export const grok: Varying = model(
  host,
  ...likeEpmoe(FILE, choice, "Grok1ForCausalLM._create_layer_mappings", [
    {
      edit: "rewrite",
      at: { in: "Grok1MoE.__call__", expression: "isinstance(self.experts, EPMoE)" },
      code: "isinstance(self.experts, (EPMoE, GeneratedFusedEPMoE))",
    },
  ]),
  form("use_fused", file(FILE, [usesFused("Grok1MoE.__init__"), generated(choice)])),
);
