/** Where sums begin in a pass. */
import type { Frame } from "../frame.ts";
import { GROUP, UNROLL } from "../loops.ts";
import type { Draft } from "../part.ts";

/** Own tokens' sums begin at what their identity experts give. */
export function zeroSums({ layer, sizes }: Frame): Draft {
  const identity = layer.identityExperts !== undefined;
  return {
    name: "zero_sums",
    meaning: identity
      ? "clear the sums; own rows times their identity experts' weights"
      : "clear the sums",
    reads: identity ? ["token_rows", "all_routes"] : [],
    writes: ["token_sums"],
    per: "pass",
    trips: sizes.passes,
    loops: [
      { over: "all tokens", each: GROUP },
      ...(identity ? [{ over: "own tokens", each: UNROLL } as const] : []),
    ],
  };
}
