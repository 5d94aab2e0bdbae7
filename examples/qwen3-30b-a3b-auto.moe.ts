// Several schedules, and which of them runs a bucket: the fastest of the times that
// `moegen predict SPEC --write` puts into `predicted`. `moegen explain SPEC --crossovers` draws them against T.
import { moe } from "moegen";
import config from "./configs/qwen3-30b-a3b.json" with { type: "json" };

export default moe({
  name: "qwen3_30b_a3b_auto",
  source: "https://huggingface.co/Qwen/Qwen3-30B-A3B/blob/main/config.json",
  layer: moe.fromHuggingFace(config),
  mesh: { ep: 4 },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "auto",
    among: ["gather", "gmm"],
    tiles: {
      decode: {
        upTo: 64, // tiles that are not written are auto
        predicted: {
          v6e: { gather: 217, gmm: 292, epmoe: 345 },
          v7x: { gather: 101, gmm: 168, epmoe: 193 },
        },
      },
      prefill: {
        upTo: 2048,
        gather: { bt: 128, bf: 768, bd: 2048 },
        predicted: {
          v6e: { gather: 296, gmm: 543, epmoe: 1250 },
          v7x: { gather: 243, gmm: 382, epmoe: 757 },
        },
      },
    },
  },
});
