// All layers of the model in one package: the first 3 take ids and weights, which their caller looks up by token
// id (`tid2eid`) and scores; the others route in the kernel. What the two kernels have alike is in `common`.
import { moe } from "moegen";
import config from "../configs/deepseek-v4-flash.json" with { type: "json" };

export default moe({
  name: "deepseek_v4_flash_layers",
  source: "https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash/blob/main/config.json",
  layers: {
    hashed: { at: { from: 0, to: 2 }, layer: moe.fromHuggingFace(config, { at: 0 }) },
    scored: { at: { from: 3, to: 42 }, layer: moe.fromHuggingFace(config, { at: 3 }) },
  },
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
