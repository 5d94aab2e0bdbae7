import { moe } from "moegen";
import config from "./configs/qwen3.5-35b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_5_35b_a3b",
  source: "https://huggingface.co/Qwen/Qwen3.5-35B-A3B/blob/main/config.json",
  // E 256, top-8, D 2048, F 512, silu, softmax, renormalised; one shared expert of 512 columns behind a
  // sigmoid gate. The language model's config is nested: text_config.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 4, axes: ["data", "tensor"] },
  devices: ["v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 2048 },
    },
  },
});
