import { moe } from "moegen";
import config from "./configs/deepseek-v4-flash.json" with { type: "json" };

export default moe({
  name: "deepseek_v4_flash",
  source: "https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash/blob/main/config.json",
  // E 256, top-6, D 4096, F 2048, MXFP4, swiglu clamped at 10. The square root of softplus, a correction bias
  // for the choice, renormalised, scaled by 1.5; a float8 shared expert. The first 3 layers look their experts
  // up by token id: they take routing: { where: "given" }.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 1024, bd: 4096 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 1024, bd: 4096 },
    },
  },
});
