import { fusedTiles } from "../pieces/tiles.ts";
import { tokenTileSteps } from "../pieces/token-tiles.ts";
import type { Published } from "./published.ts";

export const tpuInferenceV1: Published = {
  name: "tpu-inference-v1",
  title: "tpu-inference fused MoE v1",
  about:
    "all entries of a token tile are looked at for each expert, a barrier for each expert, weights of all experts read for each token tile and none ahead of the expert",
  source: "vllm-project/tpu-inference@b8692ff tpu_inference/kernels/fused_moe/v1/kernel.py",
  records: /^tpu[-_ ]inference[-_ ](fused[-_ ]?moe[-_ ])?v1/i,
  reads: ["bt", "btc", "bf", "bd1", "bd2"],
  steps: (job) =>
    tokenTileSteps({
      job,
      tiles: fusedTiles(job),
      dispatch: "scan for each expert",
      barrierEvery: 1,
      branchless: true,
      readsInactive: true,
      prefetchesNextExpert: false,
    }),
};
