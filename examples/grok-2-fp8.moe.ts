import { moe } from "moegen";
import config from "./configs/grok-2.json" with { type: "json" };

export default moe({
  name: "grok_2_fp8",
  source: "https://huggingface.co/xai-org/grok-2/blob/main/config.json",
  // E 8, top-2, D 8192, F 16384. The checkpoint is bfloat16 and servers quantise it on loading: here
  // by output channel, as quantize_weights does.
  layer: moe.fromHuggingFace(config, {
    quantization: { weights: "float8_e4m3fn", granularity: "per_channel" },
  }),
  mesh: { ep: 8, axes: ["data", "tensor"] },
  devices: ["v5p", "v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 512, bd: 8192 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 256, bd: 4096 },
    },
  },
});
