// Nearest legal token axes were axes that the list had already (MOE121).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: {
    experts: 16,
    topK: 3,
    hidden: 592,
    intermediate: 160,
    activation: "silu",
    routing: { where: "given" },
  },
  mesh: { ep: 8, axes: ["_", "_l"], tokenAxes: ["_", "_a", "_l"] },
  devices: ["v5e", "v5p"],
  schedule: { kind: "gather", tiles: { to_1: { upTo: 1, bt: 128, bf: 160, bd: 592 } } },
});
