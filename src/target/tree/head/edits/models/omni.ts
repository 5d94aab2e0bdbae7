/** The thinker of Qwen3-Omni, called as EPMoE is: its FusedEPMoE is called with the gate's scores. */
import type { Varying } from "../../../tree.ts";
import { omni as host } from "../hosts.ts";
import { form, generated, handedOn, imported, model } from "./parts.ts";

const FILE = "python/sgl_jax/srt/multimodal/models/qwen3_omni_moe/qwen3_omni_thinker.py";

export const omni: Varying = model(
  host,
  form("EPMoE's place", {
    path: FILE,
    edits: [
      imported,
      generated({
        in: "Qwen3OmniMoeThinkerTextDecoderLayer",
        attribute: "mlp",
        was: "EPMoE",
        given: [
          "hidden_size=config.hidden_size",
          "num_experts=num_experts",
          "num_experts_per_tok=num_experts_per_tok",
          "intermediate_dim=moe_intermediate_size",
          "mesh=mesh",
          "ep_size=config.ep_size",
          "weight_dtype=dtype",
          "dtype=dtype",
          "layer_id=layer_id",
        ],
      }),
      handedOn(
        "Qwen3OmniMoeThinkerTextForConditionalGeneration.__init__",
        "self.config = get_hf_text_config(config) or config",
        "self.config",
      ),
    ],
  }),
);
