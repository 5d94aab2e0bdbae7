/** sglang-jax of November 2025 to January 2026, after #446: the trees before any fused kernel. */
import type { Tree } from "../tree.ts";
import { edits, surfaces } from "./edits.ts";
import { files } from "./files.ts";
import { adapt, surface } from "./surface.ts";

const SRT = "python/sgl_jax/srt";

export const december2025: Tree = {
  name: "2025-12",
  title: "sglang-jax before #677 (November 2025 to January 2026)",
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
      has: ["WeightMapping.concat_axis", "WeightLoader._load_dummy_weights"],
      lacks: ["WeightMapping.fuse_gate_up", "WeightMapping.fuse_moe_weights"],
    },
    { path: `${SRT}/layers/fused_moe.py`, absent: true },
    { path: `${SRT}/kernels/fused_moe/__init__.py`, absent: true },
  ],
  surface,
  hosts: [],
  adapt,
  kernelFolder: `${SRT}/kernels/fused_moe`,
  firstParty: "sgl_jax",
  files,
  edits,
  surfaces,
};
