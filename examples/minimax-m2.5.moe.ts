import { moe } from "moegen";
import config from "./configs/minimax-m2.5.json" with { type: "json" };

export default moe({
  name: "minimax_m2_5",
  source: "https://huggingface.co/MiniMaxAI/MiniMax-M2.5/blob/main/config.json",
  // E 256, top-8, D 3072, F 1536, silu, float8 in blocks of 128 x 128. Sigmoid scores, a correction bias
  // for the choice, renormalised; no groups, no shared expert.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 16, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 768, bd: 3072 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 3072 },
    },
  },
});
