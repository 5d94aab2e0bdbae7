/** Tiles of a kernel that starts the first experts' weights before it routes. */
import type { TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import type { Early } from "../weights/ahead.ts";

/** As the plan and the tile table have them. */
export function ownEarly({ early, earlyTokens }: Early): TileChoice["own"] {
  return { early, early_tokens: earlyTokens };
}

/**
 * The same out of a plan's own tiles.
 * @throws RangeError where they are another schedule's.
 */
export function earlyIn({ early, early_tokens: earlyTokens }: TileChoice["own"]): Early {
  if (early === undefined || earlyTokens === undefined) {
    throw new RangeError("tiles of a kernel that reads ahead have early and early_tokens");
  }
  return { early, earlyTokens };
}

/** Fields and rules of both. */
export const earlyTiles: TileTable = {
  fields: [
    {
      name: "early",
      type: "int",
      meaning: "local experts whose weights start before it is known that they have rows",
    },
    {
      name: "early_tokens",
      type: "int",
      meaning: "least token count T for which they do: below, too many have none",
    },
  ],
  rules: [
    { name: "early", python: "self.early >= 0", text: "at least 0" },
    { name: "early_tokens", python: "self.early_tokens >= 1", text: "at least 1" },
  ],
};
