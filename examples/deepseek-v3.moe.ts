import { moe } from "moegen";
import config from "./configs/deepseek-v3.json" with { type: "json" };

export default moe({
  name: "deepseek_v3",
  source: "https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json",
  // E 256, top-8, D 7168, F 2048, silu, in bfloat16 (published in fp8). Sigmoid scores, a correction bias
  // for the choice, 4 of 8 groups by their two best, renormalised, scaled by 2.5; one shared expert.
  layer: moe.fromHuggingFace(config, { quantization: "none" }),
  mesh: { ep: 32, axes: ["data", "tensor"] },
  devices: ["v5p", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 128, bd: 7168 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 128, bd: 7168 },
    },
  },
});
