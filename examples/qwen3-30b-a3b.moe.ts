import { moe } from "moegen";
import config from "./configs/qwen3-30b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_30b_a3b",
  source: "https://huggingface.co/Qwen/Qwen3-30B-A3B/blob/main/config.json",
  layer: moe.fromHuggingFace(config), // E 128, top-8, D 2048, F 768, silu, softmax, renormalised
  mesh: { ep: 4, axes: ["data", "tensor"] },
  devices: ["v5e", "v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather", // all-gather rows, reduce-scatter sums
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 768, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 768, bd: 2048 },
    },
  },
});
