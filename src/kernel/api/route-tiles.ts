/** The tile of a kernel whose devices may route the tokens of all. */
import type { Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import type { KernelInput } from "../frame.ts";
import { mayRouteAll, planRoutesAll } from "../routing/all-tokens.ts";

/** As the plan and the tile table have it. */
export function ownRoutes(
  input: Pick<KernelInput, "layer" | "rows" | "byNeed">,
  ep: number,
  most: number,
): TileChoice["own"] {
  return mayRouteAll(input.layer, ep, input) ? { route_all_tokens: most } : {};
}

/** The same out of a plan's own tiles. */
export function routesIn({ route_all_tokens: most = 0 }: TileChoice["own"]): number {
  return most;
}

/** Field and rule; nothing where a device has all tokens, or is given their experts. */
export function routeTiles(plan: Plan): TileTable {
  if (!planRoutesAll(plan)) return { fields: [], rules: [] };
  return {
    fields: [
      {
        name: "route_all_tokens",
        type: "int",
        meaning: "largest token count T for which each device routes the tokens of all; 0: never",
      },
    ],
    rules: [{ name: "route_all_tokens", python: "self.route_all_tokens >= 0", text: "at least 0" }],
  };
}
