// The checker took 13 seconds a try to count the divisors of so many experts (MOE103).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: {
    experts: 9_007_199_254_740_992,
    topK: 8,
    hidden: 2048,
    intermediate: 768,
    activation: "silu",
    routing: { where: "given" },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 768, bd: 2048 } } },
});
