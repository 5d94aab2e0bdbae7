import { moe } from "moegen";
import config from "./configs/nemotron-3-nano.json" with { type: "json" };

export default moe({
  name: "nemotron_3_nano",
  source: "https://huggingface.co/nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16/blob/main/config.json",
  // E 128, top-6, D 2688, F 1856: up, relu squared and down, without a gate. Sigmoid scores, a correction bias
  // for the choice, renormalised with 1e-20, scaled by 2.5; the shared expert is the caller's.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 1856, bd: 2688 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 1856, bd: 2688 },
    },
  },
});
