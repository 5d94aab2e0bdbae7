/** How many rows go from one device to another, where each goes once to each that needs it. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import type { Frame } from "../../kernel/frame.ts";
import { shareOf } from "../../kernel/routing/share.ts";

/** What is expected of a kernel's runs. */
type Runs = Pick<Frame, "layer" | "ep" | "sizes">;

/** Expected groups of so many rows from one device to another in one pass, uniform routing. */
export function groupsOf({ layer, ep, sizes }: Runs, each: number): number {
  const tokens = Math.round(sizes.deviceShare / sizes.passes);
  const share = shareOf(layer, ep);
  if (share >= 1) return Math.ceil(tokens / each);
  // Of so many rows, the binomial probabilities one after the other; in logarithms, as many are tiny.
  let log = tokens * Math.log1p(-share);
  let expected = 0;
  for (let rows = 1; rows <= tokens; rows++) {
    log += Math.log(((tokens - rows + 1) / rows) * (share / (1 - share)));
    expected += Math.ceil(rows / each) * Math.exp(log);
  }
  return expected;
}

/** The same from one device to all other chips, the experts of a chip together. */
export function crossingGroups(
  frame: Runs & Pick<Frame, "device" | "byNeed">,
  each: number,
): number {
  const chips = frame.ep / chipDevices(frame);
  return (chips - 1) * groupsOf({ ...frame, ep: chips }, each);
}

/** And from one device to the other of its chip: rows of its own, and of devices at its place on other chips. */
export function handedGroups(frame: Runs & Pick<Frame, "device" | "byNeed">, each: number): number {
  return chipDevices(frame) === 1 ? 0 : (frame.ep / 2) * groupsOf(frame, each);
}
