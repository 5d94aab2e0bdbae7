/** Who routes, how rows and sums go between devices, and what that loads on the links. */
import type { KernelPlan, Relays, Stream } from "../../plan/plan.ts";
import { bytes, plural } from "../format.ts";

function way({ parts, hops }: Relays): string {
  if (parts === 0) return "straight to each device";
  const cut = parts === 1 ? "" : `, a device's rows in ${parts} parts`;
  return `by dimensions of the torus${cut}, ${plural(hops, "hop")} at most`;
}

function line({ name, relays }: Stream): readonly string[] {
  if (relays === undefined) return [];
  const links = relays.links.map(({ links: kind, bytes: crossed }) => {
    const where = kind === "pair" ? "within a chip" : kind;
    return `${where} ${bytes(Math.round(crossed))}`;
  });
  return [`  ${name}: ${way(relays)}; across links by device: ${links.join(", ")}`];
}

/** One line for each collective of the kernel's calls; none on one device. */
export function transportLines({ calls }: KernelPlan): readonly string[] {
  return calls.flatMap((call) => (call.kind === "pallas" ? call.streams.flatMap(line) : []));
}

/** Whether each device routes the tokens of all, and up to which T; nothing where it never could. */
export function routesLines({ tokens, tiles: { own } }: KernelPlan): readonly string[] {
  const { route_all_tokens: most } = own;
  if (most === undefined) return [];
  if (most === 0) return ["  each device routes its own tokens and gives all others the lists"];
  const whose = tokens <= most ? "the tokens of all" : "its own tokens";
  return [`  each device routes ${whose}: those of all up to T = ${most}`];
}
