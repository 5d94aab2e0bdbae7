// The checker took minutes to refuse so many devices (MOE122).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: {
    experts: 256,
    topK: 8,
    hidden: 4096,
    intermediate: 1024,
    activation: "silu",
    routing: { where: "given" },
    sharedExperts: { count: 1, intermediate: 1024 },
  },
  mesh: { ep: 2_147_483_648 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 1024, bd: 4096 } } },
});
