/**
 * Loops of the stages' code, as the templates write them, and how often each runs in one call under
 * uniform routing: what the compiler's bundles of a loop's body are multiplied by.
 */
import type { Stage } from "../plan/plan.ts";
import type { StageLoop } from "../plan/stage-loop.ts";
import type { Frame } from "./frame.ts";

/** Entries one trip of a row loop moves; also `UNROLL` in the template. */
export const UNROLL = 8;
/** Tokens or rows that one trip of a loop over bfloat16 tiles takes; also `ROW_GROUP` in the template. */
export const GROUP = 16;

export interface DraftLoop extends StageLoop {
  /** What it goes over in one call all in all, where that is not the routed experts' share. */
  readonly all?: number;
}

export const PEERS: DraftLoop = { over: "peers", each: 1 };
export const DEVICES: DraftLoop = { over: "devices", each: 1 };
/** The loop that a stage which runs for each row tile stands in. */
export const ROW_TILES: DraftLoop = { over: "row tiles", each: 1, around: true };

/** A loop over rows at hand, `each` a trip. */
export function rows(each: number): DraftLoop {
  return { over: "rows", each };
}

/** Trips of a loop in one call of one device, every row group taken as full as it is. */
export function tripsOf(
  { over, each, all, fixed }: DraftLoop,
  { per, trips }: Pick<Stage, "per" | "trips">,
  { ep, sizes, tiles, load }: Frame,
): number {
  if (all !== undefined) return all / each;
  if (fixed !== undefined) return fixed * trips;
  const { passes, passTokens, allTokens, deviceShare } = sizes;
  const groups = (count: number): number => Math.ceil(count / each);
  const { typicalRows } = load;
  switch (over) {
    case "own tokens":
      return groups(passTokens) * trips;
    case "listed tokens":
      return groups(sizes.listTokens) * trips;
    case "real tokens":
      return (deviceShare * trips) / passes / each;
    case "all tokens":
      return groups(allTokens) * trips;
    case "peer tokens":
      return ((ep - 1) * trips * passTokens) / each;
    case "devices":
      return groups(ep) * trips;
    case "peers":
      return groups(ep - 1) * trips;
    case "local experts":
      return groups(load.localExperts) * trips;
    case "row blocks":
      return (load.readExperts * load.reads) / each;
    case "row tiles":
      return trips / each;
    case "rows": {
      // Rows at hand: those of a tile, or of a block of an expert's where the stage does not run for each tile.
      const parts = per === "row tile" ? Math.ceil(typicalRows / tiles.bt) : load.reads / passes;
      return trips * groups(typicalRows / parts);
    }
    case "rows of each device":
      return trips * ep * groups(typicalRows / ep);
    case "columns":
    case "copies":
      return trips / each;
  }
}
