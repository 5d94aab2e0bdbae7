import { moe } from "moegen";
import config from "./configs/qwen3-next-80b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_next_80b_a3b",
  source: "https://huggingface.co/Qwen/Qwen3-Next-80B-A3B-Instruct/blob/main/config.json",
  // E 512, top-10, D 2048, F 512, silu, softmax, renormalised; one shared expert of 512 columns behind a
  // sigmoid gate.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 2048 },
    },
  },
});
