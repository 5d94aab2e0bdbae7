/** Copies that routing makes: what comes in, and lists between the vector and the scalar unit. */

import type { Stream } from "../../plan/plan.ts";
import type { Frame } from "../frame.ts";
import { UNROLL } from "../loops.ts";
import { LANES, roundUp } from "../rows/layout.ts";
import { routesAll } from "./all-tokens.ts";
import { listChunks } from "./words.ts";

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
    copies: sizes.passes * sizes.lists,
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
    bytes: 2 * layout.choiceRows * sizes.laneTokens * sizes.passes * sizes.lists * 4,
    copies: 2 * sizes.passes * sizes.lists,
    meaning: "given experts and weights of this device's tokens",
  };
}

/**
 * A copy that a kernel makes where its devices route all tokens, or where they do not: the code of
 * both is there, one for small and one for large T.
 */
export function where(made: boolean, stream: Stream): Stream {
  return made ? stream : { ...stream, bytes: 0, copies: 0 };
}

/** Router logits of own tokens to all other devices, which route them too. */
export function logitsOut({ ep, layout, sizes }: Frame): Stream {
  return where(routesAll(sizes, ep), {
    name: "logits_out",
    from: "HBM",
    to: "VMEM",
    remote: true,
    source: "router_logits",
    destination: "logits",
    issuedBy: "send_logits",
    awaitedBy: "await_logits",
    semaphore: "logits_sent, logits_arrived",
    bytes: (ep - 1) * 4 * roundUp(sizes.sentTokens, UNROLL) * layout.logitLanes * sizes.passes,
    copies: (ep - 1) * sizes.passes,
    meaning: "router logits to every other device",
  });
}

/** Where each entry goes, for the scalar unit that puts it there. */
export function positionsIn({ ep, layout, sizes }: Frame): Stream {
  return {
    name: "positions_in",
    from: "VMEM",
    to: "SMEM",
    ...listCopy(routesAll(sizes, ep) ? "sort_all" : "sort"),
    source: "positions",
    destination: "positions_smem",
    bytes: 4 * layout.choiceRows * sizes.laneTokens * sizes.passes * sizes.lists,
    copies: sizes.passes * sizes.lists,
    meaning: "places of the entries, to the scalar unit",
  };
}

/** Lists that go to HBM: what is sorted of a list comes to the scalar unit, which puts it together. */
export function listOut({ layer, layout, sizes }: Frame): readonly Stream[] {
  const { passes, lists, offsetsAt, weightsAt, listTokens } = sizes;
  const { entries, firsts } = listChunks(layer, listTokens);
  const copies = passes * lists;
  return [
    {
      name: "own_words_in",
      from: "VMEM",
      to: "SMEM",
      ...listCopy("sort"),
      source: "own_routes",
      destination: "own_words",
      bytes: 4 * (offsetsAt - weightsAt + layout.expertLanes) * copies,
      copies,
      meaning: "weights and first entries, to the scalar unit",
    },
    {
      name: "own_list_out",
      from: "SMEM",
      to: "HBM",
      ...listCopy("sort"),
      source: "own_entries",
      destination: "routes",
      bytes: 4 * 2 * LANES * (entries + firsts) * copies,
      copies,
      meaning: "this device's sorted entries with their weights",
    },
  ];
}

/** Weights and first entries of all tokens, which no other device has to be given. */
export function allLists({ ep, sizes }: Frame): Stream {
  return where(routesAll(sizes, ep), {
    name: "all_weights_in",
    from: "VMEM",
    to: "SMEM",
    ...listCopy("sort_all"),
    source: "own_routes",
    destination: "all_routes",
    bytes: 4 * (sizes.routeWords - sizes.weightsAt) * sizes.passes,
    copies: sizes.passes,
    meaning: "all tokens' weights and first entries, to the scalar unit",
  });
}

/** Lists of this device's own entries, for all devices. */
export function ownLists({ ep, sizes }: Frame): readonly Stream[] {
  const { passes } = sizes;
  const lists: readonly Stream[] = [
    {
      name: "own_entries_in",
      from: "SMEM",
      to: "VMEM",
      ...listCopy("sort"),
      source: "own_entries",
      destination: "routes",
      bytes: 4 * sizes.weightsAt * passes,
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
      bytes: 4 * (sizes.routeWords - sizes.weightsAt) * passes,
      copies: passes,
      meaning: "this device's weights and first entries, beside its entries",
    },
  ];
  return lists.map((stream) => where(!routesAll(sizes, ep), stream));
}
