/** MiniMax-M2, which has one call of a class that it chooses before. */
import type { Varying } from "../../../tree.ts";
import { minimax as host } from "../hosts.ts";
import { file, form, GENERATED, model, scalesAsWeights, usesFused } from "./parts.ts";

const MAKING = "MiniMaxM2DecoderLayer.__init__";

export const minimax: Varying = model(
  host,
  form(
    "class chosen before",
    file("minimax_m2.py", [
      usesFused(MAKING),
      {
        edit: "branch",
        at: { in: MAKING, statement: "moe_cls = FusedEPMoE if self.use_fused else EPMoE" },
        condition: GENERATED,
        code: "moe_cls = GeneratedFusedEPMoE\n",
      },
      scalesAsWeights("MiniMaxM2ForCausalLM._create_layer_mappings"),
    ]),
  ),
);
