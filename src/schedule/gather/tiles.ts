/** The tile table of this schedule: tiles of its parts alone. */
import { passTiles } from "../../kernel/api/pass-tiles.ts";
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TileTable } from "../schedule.ts";

/** Rows and weight tiles, limits of a pass, the shared experts' tile. */
export function tileTable(plan: Plan): TileTable {
  return joined(weightTiles(plan), passTiles(plan), sharedTile(plan));
}
