import { moe } from "moegen";
import config from "./configs/llama-4-scout.json" with { type: "json" };

export default moe({
  name: "llama_4_scout",
  source: "https://huggingface.co/meta-llama/Llama-4-Scout-17B-16E-Instruct/blob/main/config.json",
  // E 16, top-1, D 5120, F 8192, silu. The sigmoid of the chosen logit multiplies what its expert takes; one
  // shared expert of the same size. The checkpoint has gate_up_proj (E, D, 2F): weights side by side.
  layer: moe.fromHuggingFace(config, { weights: "side_by_side" }),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 5120 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 5120 },
    },
  },
});
