/** MiMo-V2-Flash and Pro: Pro has Flash's layers and loads its weights by a function of its own. */
import type { Varying } from "../../../tree.ts";
import { mimoFlash, mimoPro } from "../hosts.ts";
import { file, form, generated, MODELS, model, oneMore } from "./parts.ts";

const LAYER = "MiMoV2Moe";

const layer = [
  oneMore(`${LAYER}.__init__`),
  generated({
    in: LAYER,
    attribute: "experts",
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
      'quantization_config=getattr(config, "quantization_config", None)',
    ],
  }),
];

const flash = file("mimo_v2_flash.py", [
  ...layer,
  oneMore("MiMoV2FlashForCausalLM._create_layer_mappings"),
]);

export const mimos: readonly Varying[] = [
  model(mimoFlash, form("fused_v2", flash)),
  model(
    mimoPro,
    form("fused_v2", flash, {
      path: `${MODELS}/mimo_v2_pro.py`,
      edits: [oneMore("MiMoV2ForCausalLM._create_layer_mappings")],
    }),
  ),
];
