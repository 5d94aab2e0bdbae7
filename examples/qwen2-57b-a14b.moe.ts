import { moe } from "moegen";
import config from "./configs/qwen2-57b-a14b.json" with { type: "json" };

export default moe({
  name: "qwen2_57b_a14b",
  source: "https://huggingface.co/Qwen/Qwen2-57B-A14B/blob/main/config.json",
  // E 64, top-8, D 3584, F 2560, silu, softmax, not renormalised; one shared expert of 20480 columns
  // behind a sigmoid gate.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 3584 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 3584 },
    },
  },
});
