/** How many rows go from one device to another, where each goes once to each that needs it. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import type { Frame } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import { idsOf } from "../../spec/formats.ts";

/** What is expected of a kernel's runs. */
type Runs = Pick<Frame, "layer" | "ep" | "sizes">;

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
function chanceOf(layer: Frame["layer"], some: number): number {
  return 1 - noneOf(some, idsOf(layer), layer.topK);
}

/**
 * Probability that a token has an expert on another device, all devices alike: its choices are different
 * ids of all, or of those of so many groups of neighbours. A device has experts of one group, or groups as
 * wholes; the last ones fewer where experts do not divide.
 */
export function shareOf(layer: Frame["layer"], ep: number): number {
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

/** Expected groups of UNROLL rows from one device to another in one pass, uniform routing. */
export function groupsOf({ layer, ep, sizes }: Runs): number {
  const tokens = Math.round(sizes.deviceShare / sizes.passes);
  const share = shareOf(layer, ep);
  if (share >= 1) return Math.ceil(tokens / UNROLL);
  // Of so many rows, the binomial probabilities one after the other; in logarithms, as many are tiny.
  let log = tokens * Math.log1p(-share);
  let expected = 0;
  for (let rows = 1; rows <= tokens; rows++) {
    log += Math.log(((tokens - rows + 1) / rows) * (share / (1 - share)));
    expected += Math.ceil(rows / UNROLL) * Math.exp(log);
  }
  return expected;
}

/** The same from one device to all other chips, the experts of a chip together. */
export function crossingGroups(frame: Runs & Pick<Frame, "device" | "byNeed">): number {
  const chips = frame.ep / chipDevices(frame);
  return (chips - 1) * groupsOf({ ...frame, ep: chips });
}

/** And from one device to the other of its chip: rows of its own, and of devices at its place on other chips. */
export function handedGroups(frame: Runs & Pick<Frame, "device" | "byNeed">): number {
  return chipDevices(frame) === 1 ? 0 : (frame.ep / 2) * groupsOf(frame);
}
