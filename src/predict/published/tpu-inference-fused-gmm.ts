import { gmmSteps } from "../pieces/gmm.ts";
import type { Published } from "./published.ts";

export const tpuInferenceFusedGmm: Published = {
  name: "tpu-inference-fused-gmm",
  title: "tpu-inference, both grouped matmuls in one kernel",
  about: "as tpu-inference's production path, with one kernel for both matmuls",
  source: "amishacorns/tpu-inference pull request 1",
  records: /^fused_gmm/i,
  reads: [],
  steps: (job) => gmmSteps(job, 1),
};
