import { moe } from "moegen";
import config from "./configs/gpt-oss-120b.json" with { type: "json" };

export default moe({
  name: "gpt_oss_120b",
  source: "https://huggingface.co/openai/gpt-oss-120b/blob/main/config.json",
  // E 128, top-4, D 2880, F 2880, swigluoai, softmax of the chosen, biases; in bfloat16. The checkpoint
  // interleaves gate and up columns: its loader takes them apart, gate columns first.
  layer: moe.fromHuggingFace(config, { weights: "side_by_side", quantization: "none" }),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v5p", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 960, bd: 720 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 480, bd: 720 },
    },
  },
});
