/** How many rows go from one device to another, where each goes once to each device that needs it. */
import type { Frame } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";

/** Probability that a token has an expert on a given device, its choices being different experts. */
export function shareOf({ experts, topK }: Frame["layer"], ep: number): number {
  const local = experts / ep;
  let none = 1;
  for (let choice = 0; choice < topK; choice++) {
    none *= Math.max(0, experts - local - choice) / (experts - choice);
  }
  return 1 - none;
}

/** Expected groups of UNROLL rows from one device to another in one pass, uniform routing. */
export function groupsOf({ layer, ep, sizes }: Pick<Frame, "layer" | "ep" | "sizes">): number {
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

/** The same to all other devices, in all passes of a call. */
export function allGroups(frame: Pick<Frame, "layer" | "ep" | "sizes">): number {
  return (frame.ep - 1) * frame.sizes.passes * groupsOf(frame);
}
