/** Ling, and the Ling and Ring of linear attention: shared experts beside the generated layer. */
import type { Edit } from "../../../edit.ts";
import { expertSizes } from "../../../layers.ts";
import type { Varying } from "../../../tree.ts";
import { ling, lingLinear } from "../hosts.ts";
import {
  file,
  form,
  GENERATED_ENUM,
  generated,
  likeEpmoe,
  model,
  oneMore,
  oneMoreEnum,
  perChannelScales,
  sizes,
  usesFusedEnum,
} from "./parts.ts";

const FILE = "bailing_moe.py";
const LAYER = "BailingMoEDecoderLayer";
const MAPPINGS = "BailingMoEForCausalLM._create_moe_layer_mappings";
const choice = { in: LAYER, attribute: "mlp", given: sizes(expertSizes("config.")) };

/** Before FusedEPMoEV2: its shared experts are in FusedEPMoE, and beside a generated layer. */
const sharedOutside: Edit = {
  edit: "rewrite",
  at: { in: `${LAYER}.__init__`, expression: "num_shared_experts > 0 and not self.use_fused" },
  code: "num_shared_experts > 0 and self.moe_backend != MoEBackend.FUSED",
};

const LINEAR = "bailing_moe_linear.py";
const LINEAR_LAYER = "BailingMoELinearDecoderLayer";
const LINEAR_MAPPINGS = "BailingMoeV2_5ForCausalLM._add_moe_mappings";

export const lings: readonly Varying[] = [
  model(
    ling,
    ...likeEpmoe(FILE, choice, MAPPINGS),
    form(
      "fused_v2",
      file(FILE, [
        oneMoreEnum(`${LAYER}.__init__`),
        generated({ ...choice, condition: GENERATED_ENUM }),
        oneMore(MAPPINGS),
        perChannelScales(MAPPINGS),
      ]),
    ),
    form(
      "fused",
      file(FILE, [
        usesFusedEnum(`${LAYER}.__init__`),
        generated({ ...choice, condition: GENERATED_ENUM }),
        sharedOutside,
      ]),
    ),
  ),
  model(
    lingLinear,
    form(
      "fused_v2",
      file(LINEAR, [
        oneMoreEnum(`${LINEAR_LAYER}._init_mlp`),
        generated({
          ...choice,
          in: LINEAR_LAYER,
          method: "_init_mlp",
          condition: GENERATED_ENUM,
          was: "EPMoE",
        }),
        oneMore(LINEAR_MAPPINGS),
        perChannelScales(LINEAR_MAPPINGS),
      ]),
    ),
    form(
      "EPMoE's place",
      file(LINEAR, [
        generated({
          ...choice,
          in: LINEAR_LAYER,
          method: "_init_mlp",
          condition: 'moe_backend == "fused_generated"',
          was: "EPMoE",
        }),
      ]),
    ),
  ),
];
