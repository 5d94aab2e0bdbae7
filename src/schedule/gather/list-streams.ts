/** Copies of lists between the vector unit's memory and the scalar unit's. */
import type { Stream } from "../../plan/plan.ts";
import type { Fit } from "./fit.ts";

/** Each is started and awaited in one stage. */
function within(stage: string): Pick<Stream, "remote" | "issuedBy" | "awaitedBy" | "semaphore"> {
  return { remote: false, issuedBy: stage, awaitedBy: stage, semaphore: "lists_moved" };
}

/** Lists of this device's own entries: where each one goes, then all of them in order. */
export function ownLists(fit: Fit): readonly Stream[] {
  const { sizes, layout } = fit.input;
  const words = { positions: layout.choiceRows * sizes.laneTokens, entries: sizes.weightsAt };
  const { passes } = sizes;
  return [
    {
      name: "positions_in",
      from: "VMEM",
      to: "SMEM",
      ...within("route"),
      source: "positions",
      destination: "positions_smem",
      bytes: 4 * words.positions * passes,
      copies: passes,
      meaning: "places of this device's entries, to the scalar unit",
    },
    {
      name: "own_entries_in",
      from: "SMEM",
      to: "VMEM",
      ...within("sort"),
      source: "own_entries",
      destination: "routes",
      bytes: 4 * words.entries * passes,
      copies: passes,
      meaning: "this device's sorted entries, from the scalar unit",
    },
    {
      name: "own_weights_in",
      from: "VMEM",
      to: "VMEM",
      ...within("sort"),
      source: "own_routes",
      destination: "routes",
      bytes: 4 * (sizes.routeWords - words.entries) * passes,
      copies: passes,
      meaning: "this device's weights and first entries, beside its entries",
    },
  ];
}

export function routesIn(fit: Fit): Stream {
  const { ep, sizes } = fit.input;
  return {
    name: "routes_in",
    from: "VMEM",
    to: "SMEM",
    ...within("exchange_routes"),
    source: "routes",
    destination: "all_routes",
    bytes: ep * 4 * sizes.routeWords * sizes.passes,
    copies: ep * sizes.passes,
    meaning: "entries of all devices to the scalar unit",
  };
}
