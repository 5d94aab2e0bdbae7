/** The tile table of this schedule: tiles of its parts alone. */
import { earlyTiles } from "../../kernel/api/early-tiles.ts";
import { passTiles } from "../../kernel/api/pass-tiles.ts";
import { routeTiles } from "../../kernel/api/route-tiles.ts";
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import { relayParts } from "../../kernel/collectives/table.ts";
import { sumSlotsTile } from "../../kernel/experts/sums-in-hbm.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TileTable } from "../schedule.ts";

/** Rows and weight tiles, how far they run ahead, limits of a pass, parts of rows on their way, who routes, shared tiles. */
export function tileTable(plan: Plan): TileTable {
  return joined(
    weightTiles(plan),
    earlyTiles(plan),
    passTiles(plan),
    relayParts(plan),
    routeTiles(plan),
    sumSlotsTile(plan),
    sharedTile(plan),
  );
}
