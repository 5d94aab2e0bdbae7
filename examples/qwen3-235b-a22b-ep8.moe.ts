import { moe } from "moegen";
import config from "./configs/qwen3-235b-a22b.json" with { type: "json" };

export default moe({
  name: "qwen3_235b_a22b_ep8",
  source: "https://huggingface.co/Qwen/Qwen3-235B-A22B/blob/main/config.json",
  // E 128, top-8, D 4096, F 1536, silu, softmax, renormalised.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v5p", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 4096 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 4096 },
    },
  },
});
