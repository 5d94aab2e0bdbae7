// Nothing was proposed in the place of an axis of which no letter is left: "" (MOE107).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: {
    experts: 256,
    topK: 8,
    hidden: 2048,
    intermediate: 768,
    activation: "silu",
    routing: { where: "given" },
  },
  mesh: { ep: 2, axes: ["~", "_l"] },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 768, bd: 2048 } } },
});
