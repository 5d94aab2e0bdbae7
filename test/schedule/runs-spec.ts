/** Specs of the schedule `runs` alone. */
import type { MoeInput } from "../../src/index.ts";
import { layer } from "./small-layer.ts";

export function spec(
  more: object,
  ep = 4,
  tile: object = {},
  devices: MoeInput["devices"] = ["v7x"],
): MoeInput {
  const tiles = { bf: 512, bd: 1024, ...tile };
  return {
    name: "runs_only",
    layer: { ...layer, ...more },
    mesh: { ep, axes: ["data", "tensor"] },
    devices,
    schedule: {
      kind: "runs",
      tiles: { small: { upTo: 64, bt: 64, ...tiles }, large: { upTo: 1024, bt: 128, ...tiles } },
    },
  };
}
