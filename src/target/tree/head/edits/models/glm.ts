/** GLM-4.5 and GLM-5, whose shared experts are in FusedEPMoE and beside a generated layer. */
import type { Varying } from "../../../tree.ts";
import { glm4, glm5 } from "../hosts.ts";
import {
  file,
  form,
  GENERATED_ENUM,
  generated,
  model,
  sharedOutside,
  sizes,
  usesFusedEnum,
} from "./parts.ts";

const given = sizes([
  "num_experts=config.n_routed_experts",
  "num_experts_per_tok=config.num_experts_per_tok",
  "intermediate_dim=config.moe_intermediate_size",
  "mesh=mesh",
  'ep_size=getattr(config, "ep_size", 1)',
  "weight_dtype=dtype",
  "dtype=dtype",
  "layer_id=layer_id",
]);

const GLM4 = "Glm4MoeDecoderLayer";

/** GLM-5 marks no padding tokens, for any layer: nothing but its class differs. */
const glm5Layer = generated({
  in: "Glm5DecoderLayer",
  attribute: "mlp",
  given,
  condition: GENERATED_ENUM,
  was: "EPMoE",
});

export const glms: readonly Varying[] = [
  model(
    glm4,
    form(
      "fused",
      file("glm4_moe.py", [
        usesFusedEnum(`${GLM4}.__init__`),
        generated({ in: GLM4, attribute: "mlp", given, condition: GENERATED_ENUM }),
        sharedOutside(`${GLM4}.__init__`),
      ]),
    ),
  ),
  model(glm5, form("EPMoE's place", file("glm5_moe.py", [glm5Layer]))),
];
