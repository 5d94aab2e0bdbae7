/** Tiles of a kernel that starts the first experts' weights before it routes. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { type Early, mostEarly } from "../weights/ahead.ts";

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
export function earlyTiles({ layer, kernels }: Plan): TileTable {
  const most = mostEarly({ layer, streamed: isStreamed(kernels) });
  const bounded = Number.isFinite(most);
  return {
    fields: FIELDS,
    rules: [
      bounded
        ? {
            name: "early",
            python: `0 <= self.early <= ${most}`,
            text: `at most ${most}: experts add to a token's sum in their order`,
          }
        : { name: "early", python: "self.early >= 0", text: "at least 0" },
      { name: "early_tokens", python: "self.early_tokens >= 1", text: "at least 1" },
    ],
  };
}

const FIELDS: TileTable["fields"] = [
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
];
