/** How likely a token has an expert on a device. */
import { idsOf } from "../../spec/formats.ts";
import type { Layer } from "../rows/layout.ts";

/** Probability that none of so many different ones of `all` is among `some` of them. */
function noneOf(some: number, all: number, drawn: number): number {
  let none = 1;
  for (let one = 0; one < drawn; one++) none *= Math.max(0, all - some - one) / (all - one);
  return none;
}

/** Ways to take `some` of `all`. */
function ways(all: number, some: number): number {
  let found = 1;
  for (let one = 0; one < some; one++) found *= (all - one) / (one + 1);
  return found;
}

/** Probability that a token has one of `some` experts, its choices being different ones of all ids. */
function chanceOf(layer: Layer, some: number): number {
  return 1 - noneOf(some, idsOf(layer), layer.topK);
}

/**
 * Probability that a token has an expert on another device, all devices alike: its choices are different
 * ids of all, or of those of so many groups of neighbours. A device has experts of one group, or groups as
 * wholes; the last ones fewer where experts do not divide.
 */
export function shareOf(layer: Layer, ep: number): number {
  const { experts, topK, routing } = layer;
  const groups = routing.where === "kernel" ? routing.groups : undefined;
  if (groups === undefined) {
    const each = Math.ceil(experts / ep);
    const full = Math.floor(experts / each);
    return (full * chanceOf(layer, each) + chanceOf(layer, experts - full * each)) / ep;
  }
  const local = experts / ep;
  const { count, kept } = groups;
  const size = experts / count;
  const here = Math.max(1, Math.round(local / size));
  let share = 0;
  for (let some = 1; some <= Math.min(here, kept); some++) {
    const chance = (ways(here, some) * ways(count - here, kept - some)) / ways(count, kept);
    share += chance * (1 - noneOf((some * local) / here, kept * size, topK));
  }
  return share;
}
