import { moe } from "moegen";
import config from "./configs/qwen3-30b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_30b_a3b_ep1",
  source: "https://huggingface.co/Qwen/Qwen3-30B-A3B/blob/main/config.json",
  layer: moe.fromHuggingFace(config), // E 128, top-8, D 2048, F 768, silu, softmax, renormalised
  mesh: { ep: 1 },
  devices: ["v5p", "v7x"],
  schedule: {
    kind: "gmm", // one device: XLA routes, sorts and adds up, one kernel multiplies
    tiles: {
      decode: { upTo: 256, bt: 64, bf: 768 },
      prefill: { upTo: 4096, bt: 256, bf: 768 },
    },
  },
});
