import { moe } from "moegen";
import config from "./configs/ling-mini-2.0.json" with { type: "json" };

export default moe({
  name: "ling_mini_2_0",
  source: "https://huggingface.co/inclusionAI/Ling-mini-2.0/blob/main/config.json",
  // E 256, top-8, D 2048, F 512, silu. As published: sigmoid scores, a correction bias for the
  // choice, top-8 within the 4 best of 8 expert groups, renormalised, scaled by 2.5; one shared expert
  // of 512.
  layer: moe.fromHuggingFace(config),
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
