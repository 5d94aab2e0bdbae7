/** sglang-jax of December 2025, after #517: the tree before any fused kernel. */
import { families } from "../layers.ts";
import type { Tree } from "../tree.ts";
import { edits } from "./edits.ts";
import { files } from "./files.ts";
import { adapt, surface } from "./surface.ts";

const SRT = "python/sgl_jax/srt";

export const december2025: Tree = {
  name: "2025-12",
  title: "sglang-jax of December 2025 (before #511)",
  probes: [
    {
      path: `${SRT}/layers/moe.py`,
      has: [
        "GateLogit.__init__(score_func)",
        "TopK.__call__(correction_bias)",
        "EPMoE.__init__(ep_size)",
      ],
      lacks: ["create_moe_weights_mapping"],
    },
    {
      path: `${SRT}/configs/model_config.py`,
      has: ["ModelImpl", "ModelConfig.__init__(model_layer_nums)", "ModelConfig.from_server_args"],
      lacks: ["MoEBackend"],
    },
    {
      path: `${SRT}/server_args.py`,
      has: ["ServerArgs.attention_backend", "ServerArgs.ep_size"],
      lacks: ["ServerArgs.moe_backend"],
    },
    { path: `${SRT}/model_executor/model_runner.py`, has: ["ModelRunner.load_model"] },
    {
      path: `${SRT}/utils/weight_utils.py`,
      has: [
        "WeightMapping.concat_axis",
        "WeightMapping.is_eagle3",
        "WeightLoader._process_single_moe_group",
        "WeightLoader._load_dummy_weights",
      ],
      lacks: ["WeightMapping.fuse_gate_up", "WeightMapping.fuse_moe_weights"],
    },
    { path: `${SRT}/models/grok.py`, has: ["Grok1MoE", "Grok1ForCausalLM._create_layer_mappings"] },
    {
      path: `${SRT}/models/qwen3_moe.py`,
      has: ["QWen3MoeDecoderLayer", "Qwen3MoeForCausalLM._create_moe_layer_mappings"],
    },
    {
      path: `${SRT}/models/qwen2_moe.py`,
      has: ["Qwen2MoeDecoderLayer", "Qwen2MoeForCausalLM._create_moe_layer_mappings"],
    },
    {
      path: `${SRT}/models/bailing_moe.py`,
      has: ["BailingMoEDecoderLayer", "BailingMoEForCausalLM._create_moe_layer_mappings"],
    },
    { path: `${SRT}/layers/fused_moe.py`, absent: true },
    { path: `${SRT}/kernels/fused_moe/__init__.py`, absent: true },
  ],
  surface,
  hosts: families,
  adapt,
  kernelFolder: `${SRT}/kernels/fused_moe`,
  firstParty: "sgl_jax",
  files,
  edits,
};
