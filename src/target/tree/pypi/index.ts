/** The package `sglang-jax` 0.0.2 as PyPI has it: Qwen3-MoE only, a mesh of three axes. */
import type { Tree } from "../tree.ts";
import { edits } from "./edits.ts";
import { ARCHITECTURES, files } from "./files.ts";
import { adapt, surface } from "./surface.ts";

export const pypi: Tree = {
  name: "pypi",
  title: "sglang-jax 0.0.2 from PyPI",
  probes: [
    {
      path: "sgl_jax/srt/layers/moe.py",
      has: ["GateLogit.__init__(score_func)", "EPMoE.__init__(expert_parallel_size)"],
      lacks: ["TopK"],
    },
    {
      path: "sgl_jax/srt/models/qwen3_moe.py",
      has: ["QWen3MoeDecoderLayer", "Qwen3MoeForCausalLM._create_moe_layer_mappings"],
    },
    {
      path: "sgl_jax/srt/configs/model_config.py",
      has: ["ModelImpl", "ModelConfig.__init__(model_layer_nums)", "ModelConfig.from_server_args"],
      lacks: ["MoEBackend"],
    },
    {
      path: "sgl_jax/srt/server_args.py",
      has: ["ServerArgs.attention_backend"],
      lacks: ["ServerArgs.moe_backend", "ServerArgs.ep_size"],
    },
    { path: "sgl_jax/srt/model_executor/model_runner.py", has: ["ModelRunner.load_model"] },
    {
      path: "sgl_jax/srt/utils/weight_utils.py",
      has: ["WeightMapping.kv_head_padding", "WeightLoader._process_moe_expert_weights"],
      lacks: ["WeightMapping.concat_axis"],
    },
    { path: "sgl_jax/srt/models/grok.py", absent: true },
  ],
  surface,
  hosts: [{ title: "Qwen3-MoE", architectures: ARCHITECTURES }],
  adapt,
  kernelFolder: "sgl_jax/srt/kernels/fused_moe",
  firstParty: "sgl_jax",
  files,
  edits,
};
