import { moe } from "moegen";
import config from "./configs/qwen3-235b-a22b-fp8.json" with { type: "json" };

export default moe({
  name: "qwen3_235b_a22b_fp8",
  source: "https://huggingface.co/Qwen/Qwen3-235B-A22B-FP8/blob/main/config.json",
  // E 128, top-8, D 4096, F 1536, silu, softmax, renormalised; e4m3 in blocks of 128 x 128 as published.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 768, bd: 4096 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 4096 },
    },
  },
});
