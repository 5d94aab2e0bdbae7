/** The tile table of this schedule: tiles of its parts alone. */
import { earlyTiles } from "../../kernel/api/early-tiles.ts";
import { passTiles } from "../../kernel/api/pass-tiles.ts";
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TileTable } from "../schedule.ts";

/** Rows and weight tiles, how far the weights run ahead, limits of a pass, the shared experts' tile. */
export function tileTable(plan: Plan): TileTable {
  return joined(weightTiles(plan), earlyTiles, passTiles(plan), sharedTile(plan));
}
