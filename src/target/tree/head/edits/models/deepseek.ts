/** DeepSeek-V2 and V3, Kimi-K2.5 that is made of it, and Kimi-Linear. */
import type { Edit } from "../../../edit.ts";
import type { Varying } from "../../../tree.ts";
import { deepseek, kimi, kimiLinear } from "../hosts.ts";
import {
  file,
  form,
  generated,
  handedOn,
  model,
  scalesAsWeights,
  sizes,
  usesFused,
  usesFusedEnum,
} from "./parts.ts";

const LAYER = "DeepseekV3DecoderLayer";

const sharedOutside: Edit = {
  edit: "rewrite",
  at: {
    in: `${LAYER}._init_moe`,
    expression: "n_shared_experts and n_shared_experts > 0 and not self.use_fused",
  },
  code: "n_shared_experts and n_shared_experts > 0 and moe_backend != MoEBackend.FUSED",
};

const v3 = file("deepseek_v3.py", [
  usesFusedEnum(`${LAYER}._init_moe`, "moe_backend"),
  generated({
    in: LAYER,
    method: "_init_moe",
    attribute: "mlp",
    condition: "moe_backend == MoEBackend.FUSED_GENERATED",
    given: sizes([
      "num_experts=n_routed_experts",
      "num_experts_per_tok=num_experts_per_tok",
      "intermediate_dim=moe_intermediate_size",
      "mesh=mesh",
      "ep_size=ep_size",
      "weight_dtype=dtype",
      "dtype=dtype",
      "layer_id=layer_id",
    ]),
  }),
  sharedOutside,
  scalesAsWeights("DeepseekV3ForCausalLM._create_layer_mappings"),
]);

const LINEAR = "KimiDecoderLayer";

const linear = file("kimi_linear.py", [
  usesFused(`${LINEAR}.__init__`),
  generated({
    in: LINEAR,
    attribute: "block_sparse_moe",
    given: [
      "hidden_size=config.hidden_size",
      "num_experts=config.num_experts",
      "num_experts_per_tok=config.num_experts_per_token",
      "intermediate_dim=config.moe_intermediate_size",
      "mesh=mesh",
      "weight_dtype=dtype",
      "dtype=dtype",
      "layer_id=layer_idx",
      "ep_size=config.ep_size",
    ],
  }),
]);

const K25 = "python/sgl_jax/srt/multimodal/models/kimi_k25/kimi_k25_vl_generation.py";

export const deepseeks: readonly Varying[] = [
  model(deepseek, form("fused", v3)),
  model(
    kimi,
    form("of DeepSeek-V3", v3, {
      path: K25,
      edits: [
        handedOn(
          "KimiK25ForConditionalGeneration.__init__",
          "self.text_config = get_hf_text_config(config) or config",
          "self.text_config",
        ),
      ],
    }),
  ),
  model(kimiLinear, form("use_fused", linear)),
];
