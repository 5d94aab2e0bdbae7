/** Who routes, how rows and sums go between devices, and what that loads on the links. */
import { allOf } from "../../plan/call.ts";
import type { KernelPlan, Relays } from "../../plan/plan.ts";
import { bytes, plural } from "../format.ts";

function way({ parts, hops }: Relays): string {
  if (parts === 0) return "straight to each device";
  const cut = parts === 1 ? "" : `, a device's rows in ${parts} parts`;
  return `by dimensions of the torus${cut}, ${plural(hops, "hop")} at most`;
}

function lineOf(relays: Relays): string {
  const links = relays.links.map(({ links: kind, bytes: crossed }) => {
    const where = kind === "pair" ? "within a chip" : kind;
    return `${where} ${bytes(Math.round(crossed))}`;
  });
  return `${way(relays)}; across links by device: ${links.join(", ")}`;
}

/** A line for the collectives of the kernel's calls that go alike; none on one device. */
export function transportLines(kernel: KernelPlan): readonly string[] {
  const alike = new Map<string, string[]>();
  for (const { name, relays } of allOf(kernel).streams) {
    if (relays === undefined) continue;
    const text = lineOf(relays);
    alike.set(text, [...(alike.get(text) ?? []), name]);
  }
  return [...alike].map(([text, names]) => `  ${names.join(", ")}: ${text}`);
}

/** Whether each device routes the tokens of all, and up to which T; nothing where it never could. */
export function routesLines({ tokens, tiles: { own } }: KernelPlan): readonly string[] {
  const { route_all_tokens: most } = own;
  if (most === undefined) return [];
  if (most === 0) return ["  each device routes its own tokens and gives all others the lists"];
  const whose = tokens <= most ? "the tokens of all" : "its own tokens";
  return [`  each device routes ${whose}: those of all up to T = ${most}`];
}
