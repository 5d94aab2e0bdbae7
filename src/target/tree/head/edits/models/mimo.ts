/** MiMo-V2-Flash and Pro: Pro has Flash's layers and loads its weights by a function of its own. */
import type { Varying } from "../../../tree.ts";
import { mimoFlash, mimoPro } from "../hosts.ts";
import { file, form, generated, MODELS, model, oneMore, sizes, usesFused } from "./parts.ts";

const LAYER = "MiMoV2Moe";
const PRO = `${MODELS}/mimo_v2_pro.py`;

const layer = generated({
  in: LAYER,
  attribute: "experts",
  given: sizes([
    "num_experts=num_experts",
    "num_experts_per_tok=num_experts_per_tok",
    "intermediate_dim=moe_intermediate_size",
    "mesh=mesh",
    "ep_size=config.ep_size",
    "weight_dtype=dtype",
    "dtype=dtype",
    "layer_id=layer_id",
  ]),
});

const flash = file("mimo_v2_flash.py", [
  oneMore(`${LAYER}.__init__`),
  layer,
  oneMore("MiMoV2FlashForCausalLM._create_layer_mappings"),
]);

/** Before FusedEPMoEV2, where no quantised experts are served. */
const oneFused = file("mimo_v2_flash.py", [usesFused(`${LAYER}.__init__`), layer]);

export const mimos: readonly Varying[] = [
  model(mimoFlash, form("fused_v2", flash), form("fused", oneFused)),
  model(
    mimoPro,
    form("fused_v2", flash, {
      path: PRO,
      edits: [oneMore("MiMoV2ForCausalLM._create_layer_mappings")],
    }),
    { name: "fused", probes: [{ path: PRO, has: ["MiMoV2ForCausalLM"] }], edits: [oneFused] },
  ),
];
