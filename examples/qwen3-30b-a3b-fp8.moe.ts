import { moe } from "moegen";
import config from "./configs/qwen3-30b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_30b_a3b_fp8",
  source: "https://huggingface.co/Qwen/Qwen3-30B-A3B-FP8/blob/main/config.json",
  layer: moe.fromHuggingFace(config, {
    // quantization_config: e4m3, weight_block_size [128, 128].
    quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "bfloat16" },
  }),
  mesh: { ep: 4, axes: ["data", "tensor"] },
  devices: ["v7x"], // one that makes bfloat16 of float8 in an instruction
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 768, bd: 2048 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 768, bd: 2048 },
    },
  },
});
