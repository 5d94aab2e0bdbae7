/** Copies that routing makes: what comes in, and lists between the vector and the scalar unit. */
import type { Stream } from "../../plan/plan.ts";
import type { Frame } from "../frame.ts";

/** Started and awaited in one stage. */
export function listCopy(
  stage: string,
): Pick<Stream, "remote" | "issuedBy" | "awaitedBy" | "semaphore"> {
  return { remote: false, issuedBy: stage, awaitedBy: stage, semaphore: "lists_moved" };
}

/** Router logits of own tokens, where the kernel routes. */
export function logitsIn({ layout, sizes }: Frame): Stream {
  return {
    name: "logits_in",
    from: "HBM",
    to: "VMEM",
    remote: false,
    source: "router_logits",
    destination: "logits",
    issuedBy: "load_rows",
    awaitedBy: "route",
    semaphore: "logits_arrived",
    bytes: sizes.passTokens * sizes.passes * layout.logitLanes * 4,
    copies: sizes.passes,
    meaning: "router logits of this device's tokens",
  };
}

/** Expert ids and weights of own tokens, where they are given. */
export function routingIn({ layout, sizes }: Frame): Stream {
  return {
    name: "routing_in",
    from: "HBM",
    to: "VMEM",
    ...listCopy("route"),
    source: "given_ids, given_weights",
    destination: "ids_in, weights_in",
    bytes: 2 * layout.choiceRows * sizes.laneTokens * sizes.passes * 4,
    copies: 2 * sizes.passes,
    meaning: "given experts and weights of this device's tokens",
  };
}

/** Lists of this device's own entries: where each one goes, then all of them in order. */
export function ownLists({ layout, sizes }: Frame): readonly Stream[] {
  const words = { positions: layout.choiceRows * sizes.laneTokens, entries: sizes.weightsAt };
  const { passes } = sizes;
  return [
    {
      name: "positions_in",
      from: "VMEM",
      to: "SMEM",
      ...listCopy("route"),
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
      ...listCopy("sort"),
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
      ...listCopy("sort"),
      source: "own_routes",
      destination: "routes",
      bytes: 4 * (sizes.routeWords - words.entries) * passes,
      copies: passes,
      meaning: "this device's weights and first entries, beside its entries",
    },
  ];
}
