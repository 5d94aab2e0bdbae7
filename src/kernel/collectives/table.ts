/** How rows go between devices, in the tile table. */
import type { Plan } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { PARTS } from "./choose.ts";

/** Field and rule of the parts; on one device nothing goes anywhere. */
export function relayParts({ mesh: { ep } }: Plan): TileTable {
  if (ep === 1) return { fields: [], rules: [] };
  const legal = [0, ...PARTS];
  return {
    fields: [
      {
        name: "parts",
        type: "int",
        meaning:
          "parts of a device's rows that take the dimensions of the torus in different orders; 0: rows go straight to each device",
      },
    ],
    rules: [
      {
        name: "parts",
        python: `self.parts in (${legal.join(", ")})`,
        text: `one of ${legal.join(", ")}`,
      },
    ],
  };
}
