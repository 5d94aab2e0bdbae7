import { moe } from "moegen";
import config from "./configs/grok-2.json" with { type: "json" };

export default moe({
  name: "grok_2",
  source: "https://huggingface.co/xai-org/grok-2/blob/main/config.json",
  // E 8, top-2, D 8192, F 16384, gelu, logits capped at 30, softmax over all, not renormalised.
  // The dense MLP that Grok-2 runs beside the experts (residual_moe) is another module.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v5e", "v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 64, bt: 32, btc: [16, 32], bf: 512, bd: 2048 },
      batch: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 512, bd: 2048 },
    },
  },
});
