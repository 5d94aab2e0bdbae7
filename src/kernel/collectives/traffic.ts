/** What a collective's copies load on the links of the torus, by kind of link. */

import type { LinkTraffic } from "../../plan/plan.ts";
import { stepsOf } from "../../predict/machine/relays.ts";
import { topologyOf } from "../../predict/machine/topology.ts";
import { longestWay, torusOf } from "../../predict/machine/torus.ts";
import { onceFor } from "../../spec/once.ts";
import type { Device } from "../../target/device/device.ts";

/** Names of the dimensions, from that in which neighbours come first. */
const NEAREST_FIRST = ["x", "y", "z"] as const;

const known = onceFor<Device, ReadonlyMap<string, number>>();

/** Links of each kind that the copies of all devices cross. */
function crossingsOf(device: Device, ep: number, parts: number): ReadonlyMap<string, number> {
  return known(device, `${ep} ${parts}`, () => countCrossings(device, ep, parts));
}

function countCrossings(device: Device, ep: number, parts: number): ReadonlyMap<string, number> {
  const { route, shape } = topologyOf(device, ep);
  const perChip = 2 * shape.length + 1;
  const crossed = new Map<string, number>();
  for (const [from, { gather }] of stepsOf(torusOf(device, ep), ep, parts).entries()) {
    for (const { peer } of gather) {
      for (const link of peer === undefined ? [] : route(from, peer)) {
        const kind = link % perChip;
        const dimension = shape.length - 1 - Math.floor(kind / 2);
        const name = kind === perChip - 1 ? "pair" : (NEAREST_FIRST[dimension] ?? `${dimension}`);
        crossed.set(name, (crossed.get(name) ?? 0) + 1);
      }
    }
  }
  return crossed;
}

/**
 * Bytes that cross each kind of link, by device, and the most copies that follow each other.
 * @param bytes of one copy
 */
export function linkTraffic(
  device: Device,
  ep: number,
  parts: number,
  bytes: number,
): { readonly hops: number; readonly links: readonly LinkTraffic[] } {
  const crossed = [...crossingsOf(device, ep, parts)];
  return {
    hops: parts === 0 ? 1 : longestWay(torusOf(device, ep)),
    links: crossed.map(([links, copies]) => ({ links, bytes: (copies / ep) * bytes })),
  };
}
