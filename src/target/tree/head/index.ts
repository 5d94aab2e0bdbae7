/** sglang-jax from #694 (January 2026) on: its own fused kernels, separate gate and up. */
import type { Tree } from "../tree.ts";
import { edits, surfaces } from "./edits.ts";
import { files } from "./files.ts";
import { adapt, surface } from "./surface.ts";

const SRT = "python/sgl_jax/srt";

export const head: Tree = {
  name: "head",
  title: "sglang-jax from #677 on (January to August 2026, its own fused kernels)",
  probes: [
    {
      path: `${SRT}/layers/moe.py`,
      has: ["EPMoE.__init__(ep_size)"],
    },
    {
      path: `${SRT}/configs/model_config.py`,
      has: ["MoEBackend.FUSED", "MoEBackend.AUTO", "ModelConfig.__init__(moe_backend)"],
      lacks: ["MoEBackend.FUSED_GENERATED"],
    },
    { path: `${SRT}/server_args.py`, has: ["ServerArgs.moe_backend", "ServerArgs.ep_size"] },
    { path: `${SRT}/model_executor/model_runner.py`, has: ["ModelRunner.load_model"] },
    { path: `${SRT}/layers/fused_moe_generated.py`, absent: true },
    { path: `${SRT}/kernels/fused_moe/generated/__init__.py`, absent: true },
  ],
  surface,
  hosts: [],
  adapt,
  kernelFolder: `${SRT}/kernels/fused_moe/generated`,
  firstParty: "sgl_jax",
  files,
  edits,
  surfaces,
};
