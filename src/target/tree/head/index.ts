/** sglang-jax of August 2026: its own fused kernels, routing outside, separate gate and up. */
import { families } from "../layers.ts";
import type { Tree } from "../tree.ts";
import { edits } from "./edits.ts";
import { files } from "./files.ts";
import { adapt, surface } from "./surface.ts";

const SRT = "python/sgl_jax/srt";

export const head: Tree = {
  name: "head",
  title: "sglang-jax of August 2026 (fused_v2, routing outside the kernel)",
  probes: [
    {
      path: `${SRT}/layers/fused_moe.py`,
      has: ["FusedEPMoE.__call__(topk_ids)", "FusedEPMoE.__call__(out_sharding)", "FusedEPMoEV2"],
      lacks: ["GeneratedFusedEPMoE"],
    },
    {
      path: `${SRT}/layers/moe.py`,
      has: ["create_moe_weights_mapping(moe_backend)", "EPMoE.__init__(ep_size)"],
    },
    {
      path: `${SRT}/configs/model_config.py`,
      has: ["MoEBackend.FUSED_V2", "MoEBackend.AUTO", "ModelConfig.__init__(moe_backend)"],
      lacks: ["MoEBackend.FUSED_GENERATED"],
    },
    { path: `${SRT}/server_args.py`, has: ["ServerArgs.moe_backend", "ServerArgs.ep_size"] },
    { path: `${SRT}/model_executor/model_runner.py`, has: ["ModelRunner.load_model"] },
    { path: `${SRT}/models/grok.py`, has: ["Grok1MoE"] },
    { path: `${SRT}/models/qwen3_moe.py`, has: ["QWen3MoeDecoderLayer"] },
    { path: `${SRT}/models/qwen2_moe.py`, has: ["Qwen2MoeDecoderLayer"] },
    { path: `${SRT}/models/bailing_moe.py`, has: ["BailingMoEDecoderLayer"] },
    { path: `${SRT}/layers/fused_moe_generated.py`, absent: true },
    { path: `${SRT}/kernels/fused_moe/generated/__init__.py`, absent: true },
  ],
  surface,
  hosts: families,
  adapt,
  kernelFolder: `${SRT}/kernels/fused_moe/generated`,
  firstParty: "sgl_jax",
  files,
  edits,
};
