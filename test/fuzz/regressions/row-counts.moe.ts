// Nearest legal row counts did not ascend with their neighbours (MOE111).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: {
    experts: 48,
    topK: 1,
    hidden: 160,
    intermediate: 1152,
    activation: "silu",
    routing: { where: "given" },
  },
  mesh: { ep: 3 },
  devices: ["v6e", "v5e"],
  schedule: {
    kind: "gather",
    tiles: { to_1: { upTo: 1, bt: 128, bf: 1152, bd: 160, btc: [16, 1, 48, 128] } },
  },
});
