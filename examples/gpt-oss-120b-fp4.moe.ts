import { moe } from "moegen";
import config from "./configs/gpt-oss-120b.json" with { type: "json" };

export default moe({
  name: "gpt_oss_120b_fp4",
  source: "https://huggingface.co/openai/gpt-oss-120b/blob/main/config.json",
  // E 128, top-4, D 2880, F 2880, swigluoai, softmax of the chosen, biases; MXFP4 as published: E2M1
  // with a scale for 32 weights along the contraction. The loader takes gate and up columns apart.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v7x"], // one that multiplies float4
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 960, bd: 960 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 576, bd: 960 },
    },
  },
});
