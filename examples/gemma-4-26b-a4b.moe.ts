import { moe } from "moegen";
import config from "./configs/gemma-4-26b-a4b.json" with { type: "json" };

export default moe({
  name: "gemma_4_26b_a4b",
  source: "https://huggingface.co/google/gemma-4-26B-A4B/blob/main/config.json",
  // E 128, top-8, D 2816, F 704, gelu (tanh form), softmax, renormalised. What scales each expert is multiplied
  // into its down projection by the weights' loader; the dense MLP beside is the caller's.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 704, bd: 2816 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 704, bd: 2816 },
    },
  },
});
