/**
 * Qwen3.5, whose layer is FusedEPMoE whatever is asked for, by a list of the configuration. A generated
 * kernel that is asked for is that kernel or an error, never another one.
 */
import type { FileEdits } from "../../../edit.ts";
import type { Varying } from "../../../tree.ts";
import { qwen35 as host } from "../hosts.ts";
import { CONFIGURED, file, generated } from "./parts.ts";

const CONFIG = "python/sgl_jax/srt/configs/model_config.py";
const LIST = "_FORCED_FUSED_EP_MOE_ARCHS";

const layer = file("qwen3_5.py", [
  generated({
    in: "Qwen3_5MoeBlock",
    attribute: "experts",
    condition: CONFIGURED,
    given: [
      "hidden_size=hidden",
      "num_experts=self.num_experts",
      "num_experts_per_tok=self.top_k",
      "ep_size=ep_size",
      "mesh=mesh",
      "intermediate_dim=inter",
      "weight_dtype=dtype",
      "dtype=dtype",
      "layer_id=layer_id",
    ],
  }),
]);

/** Not made FUSED: what was asked for, and "auto", which is decided when the model is loaded. */
const kept: FileEdits = {
  path: CONFIG,
  edits: [
    {
      edit: "rewrite",
      at: { in: "ModelConfig.__init__", expression: "(MoEBackend.FUSED, MoEBackend.FUSED_V2)" },
      code: "(MoEBackend.FUSED, MoEBackend.FUSED_V2, MoEBackend.FUSED_GENERATED, MoEBackend.AUTO)",
    },
  ],
};

const refused: FileEdits = {
  path: CONFIG,
  edits: [
    {
      edit: "insert",
      where: "before",
      at: {
        in: "ModelConfig.__init__",
        statement:
          'logger.info("%s hard-codes FusedEPMoE; resolving effective moe_backend %s -> fused", ...)',
      },
      code: `if self.moe_backend == MoEBackend.FUSED_GENERATED:
    raise ValueError(
        f"--moe-backend fused_generated: {self.hf_config.architectures[0]} is FusedEPMoE "
        "whatever the back end; take --moe-backend fused"
    )
`,
    },
  ],
};

const list = { path: CONFIG, has: [LIST] };

export const forced: Varying = {
  what: "model Qwen3.5",
  needed: true,
  forms: [
    { name: "a kernel where one was made", probes: [list], edits: [layer, kept], host },
    { name: "FusedEPMoE by a list", probes: [list], edits: [refused] },
    {
      name: "FusedEPMoE by no list",
      probes: [{ path: CONFIG, lacks: [LIST] }],
      edits: [layer],
      host,
    },
    { name: "by no list", probes: [{ path: CONFIG, lacks: [LIST] }], edits: [] },
  ],
};
