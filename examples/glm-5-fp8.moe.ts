import { moe } from "moegen";
import config from "./configs/glm-5-fp8.json" with { type: "json" };

export default moe({
  name: "glm_5_fp8",
  source: "https://huggingface.co/zai-org/GLM-5-FP8/blob/main/config.json",
  // E 256, top-8, D 6144, F 2048, silu, float8 in blocks of 128 x 128. Sigmoid scores, a correction bias for
  // the choice, renormalised with 1e-20, scaled by 2.5; one shared expert of the same size.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 32, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: {
        ...{ upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 6144 },
        // Of a whole decode step of GLM-5.2 on v7x since jax 0.11.1: 13.7 ms a token, 21.4 without them.
        compilerOptions: {
          xla_tpu_offload_gather_to_sparsecore: {
            value: false,
            because:
              "decode waits for gathers on the SparseCore: github.com/jax-ml/jax/issues/40553",
          },
          xla_tpu_offload_all_supported_gathers_to_sparsecore: {
            value: false,
            because: "as above",
          },
        },
      },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 6144 },
    },
  },
});
