import { moe } from "moegen";
import config from "./configs/ling-mini-2.0.json" with { type: "json" };

export default moe({
  name: "ling_mini_2_0_int8",
  source: "https://huggingface.co/inclusionAI/Ling-mini-2.0/blob/main/config.json",
  // As ling-mini-2.0, the routed experts in int8 by output channel; the one that all tokens go through
  // stays bfloat16.
  layer: moe.fromHuggingFace(config, {
    quantization: { weights: "int8", granularity: "per_channel" },
    sharedExperts: { count: 1, intermediate: 512, quantization: "none" },
  }),
  mesh: { ep: 4, axes: ["data", "tensor"] },
  devices: ["v5e", "v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 2048 },
    },
  },
});
