import { gmmSteps } from "../pieces/gmm.ts";
import type { Published } from "./published.ts";

export const tpuInferenceGmm: Published = {
  name: "tpu-inference-gmm",
  title: "tpu-inference production (two grouped matmuls)",
  about: "grouped matmuls over local rows, rows gathered and summed beside them, one all-reduce",
  source: "vllm-project/tpu-inference@b8692ff tpu_inference/layers/common/fused_moe_gmm.py",
  records: /^production|fused_moe_func \(gmm\)|^(tpu[-_ ]inference[-_ ])?gmm/i,
  reads: [],
  steps: (job) => gmmSteps(job, 2),
};
