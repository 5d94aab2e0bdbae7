// Two of eight devices have a token's experts: rows go to those alone (`kind: "runs"`), where the same layer
// in mixtral-8x7b.moe.ts takes them to all.
import { moe } from "moegen";
import config from "./configs/mixtral-8x7b.json" with { type: "json" };

export default moe({
  name: "mixtral_8x7b_runs",
  source: "https://huggingface.co/mistralai/Mixtral-8x7B-v0.1/blob/main/config.json",
  layer: moe.fromHuggingFace(config, { weights: "separate" }),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "runs",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 4096 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 4096 },
    },
  },
});
