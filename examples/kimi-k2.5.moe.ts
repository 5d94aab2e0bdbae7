import { moe } from "moegen";
import config from "./configs/kimi-k2.5.json" with { type: "json" };

export default moe({
  name: "kimi_k2_5",
  source: "https://huggingface.co/moonshotai/Kimi-K2.5/blob/main/config.json",
  // E 384, top-8, D 7168, F 2048, silu, int4 with a scale for 32 of a channel. Sigmoid scores, a correction
  // bias for the choice, renormalised with 1e-20, scaled by 2.827; a bfloat16 shared expert.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 32, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 256, bd: 7168 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 7168 },
    },
  },
});
