/** Ling, and the Ling and Ring of linear attention: shared experts beside the generated layer. */
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
  sharedOutside,
  sizes,
  usesFusedEnum,
} from "./parts.ts";

const FILE = "bailing_moe.py";
const LAYER = "BailingMoEDecoderLayer";
const MAPPINGS = "BailingMoEForCausalLM._create_moe_layer_mappings";
const choice = { in: LAYER, attribute: "mlp", given: sizes(expertSizes("config.")) };

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
        // Before FusedEPMoEV2.
        sharedOutside(`${LAYER}.__init__`),
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
