import { moe } from "moegen";
import config from "./configs/mimo-v2-flash.json" with { type: "json" };

export default moe({
  name: "mimo_v2_flash",
  source: "https://huggingface.co/XiaomiMiMo/MiMo-V2-Flash/blob/main/config.json",
  // E 256, top-8, D 4096, F 2048, silu, float8 in blocks of 128 x 128. Sigmoid scores, a correction bias for
  // the choice, renormalised with 1e-20; no shared expert.
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 16, axes: ["data", "tensor"] },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 64, btc: [16, 64], bf: 1024, bd: 4096 },
      prefill: { upTo: 2048, bt: 128, btc: [16, 64, 128], bf: 1024, bd: 4096 },
    },
  },
});
