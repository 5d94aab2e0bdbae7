import { auto, moe } from "moegen";
import config from "./configs/longcat-flash.json" with { type: "json" };

export default moe({
  name: "longcat_flash",
  source: "https://huggingface.co/meituan-longcat/LongCat-Flash-Chat/blob/main/config.json",
  layer: moe.fromHuggingFace(config), // E 512 and 256 identity ones, top-12, D 6144, F 2048, softmax, biased
  mesh: { ep: 32, axes: ["data", "tensor"] },
  devices: ["v5p", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 256, bt: 32, bf: auto, bd: auto },
      prefill: { upTo: 2048, bt: 64, bf: auto, bd: auto },
    },
  },
});
