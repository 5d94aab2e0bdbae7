/** Edits to the files of sglang-jax 0.0.2. */
import { modelConfig, serverArgs } from "../backend.ts";
import type { FileEdits } from "../edit.ts";

const SRT = "sgl_jax/srt";
const FUSED = 'getattr(config, "moe_backend", "epmoe") == "fused"';

const modelRunner: FileEdits = {
  path: `${SRT}/model_executor/model_runner.py`,
  edits: [
    {
      edit: "import",
      code: "from sgl_jax.srt.layers.moe_backend import resolve_moe_backend",
    },
    {
      edit: "insert",
      where: "after",
      at: {
        in: "ModelRunner.load_model",
        statement: "self.model_config.log_kv_heads_info(self.tp_size)",
      },
      code: `# Here, because only the mesh knows the expert-parallel size.
self.model_config.hf_config.moe_backend = resolve_moe_backend(
    self.model_config.moe_backend,
    self.model_config.hf_config,
    self.mesh,
    self.model_config.dtype,
).value
`,
    },
  ],
};

const qwen3Moe: FileEdits = {
  path: `${SRT}/models/qwen3_moe.py`,
  edits: [
    { edit: "import", code: "from sgl_jax.srt.layers.fused_moe import FusedEPMoE" },
    {
      edit: "branch",
      at: {
        in: "QWen3MoeDecoderLayer.__init__",
        statement: "with mesh:\n    self.mlp = EPMoE(...)",
      },
      condition: FUSED,
      code: `with mesh:
    self.mlp = FusedEPMoE(
        config=config,
        num_experts=num_experts,
        num_experts_per_tok=num_experts_per_tok,
        intermediate_dim=moe_intermediate_size,
        mesh=mesh,
        expert_parallel_size=expert_parallel_size,
        weight_dtype=dtype,
        dtype=dtype,
        layer_id=layer_id,
        rngs=rngs,
    )`,
    },
    {
      edit: "branch",
      at: {
        in: "Qwen3MoeForCausalLM._create_moe_layer_mappings",
        statement: 'for expert_type in ["gate_proj", "up_proj", "down_proj"]: ...',
      },
      condition: FUSED.replace("config", "self.config"),
      code: `expert_keys = {
    name: [f"{prefix}.mlp.experts.{i}.{name}.weight" for i in range(num_experts)]
    for name in ("gate_proj", "up_proj", "down_proj")
}
mappings[f"__MOE_EXPERTS__{prefix}.mlp.w1"] = WeightMapping(
    target_path=[
        f"{target_prefix}.mlp.w1",
        *expert_keys["gate_proj"],
        *expert_keys["up_proj"],
    ],
    sharding=(("data", "tensor"), None, None, None),
    transpose=True,
    fused_experts="gate_up",
)
mappings[f"__MOE_EXPERTS__{prefix}.mlp.w2"] = WeightMapping(
    target_path=[f"{target_prefix}.mlp.w2", *expert_keys["down_proj"]],
    sharding=(("data", "tensor"), None, None),
    transpose=True,
    fused_experts="down",
)`,
    },
  ],
};

const weightUtils: FileEdits = {
  path: `${SRT}/utils/weight_utils.py`,
  edits: [
    {
      edit: "import",
      code: "from sgl_jax.srt.utils.fused_moe_weights import FusedExperts, expect_new, expect_shape, stack_experts",
    },
    {
      edit: "insert",
      where: "after",
      at: { in: "WeightMapping", statement: "kv_head_padding: bool = False" },
      code: `# What the experts' keys in target_path name, for FusedEPMoE; None: for EPMoE.
fused_experts: FusedExperts | None = None`,
    },
    {
      edit: "insert",
      where: "before",
      at: {
        in: "WeightLoader.load_weights_from_safetensors",
        statement: "expert_weights[hf_key] = hf_weight.astype(self.dtype)",
      },
      code: `if any(mapping.fused_experts for mapping in moe_mappings.values()):
    expect_new(hf_key, expert_weights)
`,
    },
    {
      edit: "insert",
      where: "before",
      at: {
        in: "WeightLoader._process_moe_expert_weights",
        statement: "collected_weights = []",
      },
      code: `if mapping.fused_experts is not None:
    stacked_weight = stack_experts(mapping.fused_experts, expert_keys, expert_weights)
    model_param = self._get_param(params, target_path)
    expect_shape(target_path, stacked_weight, model_param.value.shape)
    model_param.value = self._shard_weight(stacked_weight, mapping.sharding)
    continue
`,
    },
  ],
};

export const edits: readonly FileEdits[] = [
  modelConfig(SRT),
  serverArgs(SRT),
  modelRunner,
  qwen3Moe,
  weightUtils,
];
