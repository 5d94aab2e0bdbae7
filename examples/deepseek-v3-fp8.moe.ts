import { moe } from "moegen";
import config from "./configs/deepseek-v3.json" with { type: "json" };

export default moe({
  name: "deepseek_v3_fp8",
  source: "https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json",
  // As published: quantization_config is e4m3, weight_block_size [128, 128].
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 32, axes: ["data", "tensor"] },
  devices: ["v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 32, btc: [16, 32], bf: 256, bd: 7168, routes: "own" },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 7168 },
    },
  },
});
