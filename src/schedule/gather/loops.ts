/** Loops of the stages' code, as the templates write them: what the predictor multiplies bundles by. */
import type { StageLoop } from "../../plan/plan.ts";
import { LANES, UNROLL } from "./layout.ts";
import type { Sizes } from "./sizes.ts";

/** Tokens or rows that one trip of a loop over bfloat16 tiles takes. */
const GROUP = 16;

export function loopsOf(sizes: Sizes): Readonly<Record<string, readonly StageLoop[]>> {
  const chunks: StageLoop = { over: "own tokens", each: sizes.chunk };
  const groups: StageLoop = { over: "own tokens", each: GROUP };
  const devices: StageLoop = { over: "devices", each: 1 };
  const peers: StageLoop = { over: "peers", each: 1 };
  return {
    load_rows: [chunks, groups],
    // Two loops over the same blocks of tokens: ranks, then places.
    route: [{ over: "own tokens", each: LANES }],
    sort: [{ over: "own tokens", each: 1 }],
    active_experts: [{ over: "local experts", each: 1 }],
    zero_sums: [{ over: "all tokens", each: GROUP }],
    merge: [devices, { over: "rows of each device", each: UNROLL }],
    gather: [{ over: "rows", each: GROUP }],
    operand: [{ over: "rows", each: GROUP }],
    combine: [{ over: "rows", each: UNROLL }],
    shared_rows: [{ over: "rows", each: GROUP }],
    shared_combine: [{ over: "rows", each: UNROLL }],
    reduce_scatter: [peers, { over: "peer tokens", each: UNROLL }],
    write_output: [chunks, groups],
  };
}
