import { moe } from "moegen";

export default moe({
  name: "small_moe",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 256,
    intermediate: 128,
    activation: "silu",
    dtype: "bfloat16",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4, axes: ["data", "tensor"] },
  devices: ["v6e"],
  schedule: {
    kind: "gather",
    tiles: { all: { upTo: 2048, bt: 16, bf: 128, bd: 256 } },
  },
});
