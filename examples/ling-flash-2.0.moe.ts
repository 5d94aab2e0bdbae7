import { moe } from "moegen";
import config from "./configs/ling-flash-2.0.json" with { type: "json" };

export default moe({
  name: "ling_flash_2_0",
  source: "https://huggingface.co/inclusionAI/Ling-flash-2.0/blob/main/config.json",
  // E 256, top-8, D 4096, F 1024, silu. Routing as in Ling-mini-2.0: sigmoid scores, a correction
  // bias for the choice, 4 of 8 groups, renormalised, scaled by 2.5; one shared expert of 1024.
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
