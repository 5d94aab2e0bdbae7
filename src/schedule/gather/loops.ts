/** Loops of the stages' code, as the templates write them: what the predictor multiplies bundles by. */
import type { StageLoop } from "../../plan/plan.ts";
import { GROUP, LANES, type Layer, UNROLL } from "./layout.ts";
import { rowMultiple } from "./rules.ts";
import type { Sizes } from "./sizes.ts";

export function loopsOf(
  sizes: Sizes,
  layer: Pick<Layer, "quantization" | "wire">,
): Readonly<Record<string, readonly StageLoop[]>> {
  const operandRows = rowMultiple(layer);
  // Own sums are quantised like the others.
  const reduced: readonly StageLoop[] =
    layer.wire?.combine === undefined
      ? [
          { over: "peers", each: 1 },
          { over: "peer tokens", each: UNROLL },
        ]
      : [
          { over: "devices", each: 1 },
          { over: "all tokens", each: GROUP },
        ];
  const chunks: StageLoop = { over: "own tokens", each: sizes.chunk };
  const groups: StageLoop = { over: "own tokens", each: GROUP };
  const devices: StageLoop = { over: "devices", each: 1 };
  return {
    load_rows: [chunks, groups],
    // Two loops over the same blocks of tokens: ranks, then places.
    route: [{ over: "own tokens", each: LANES }],
    sort: [{ over: "own tokens", each: 1 }],
    active_experts: [{ over: "local experts", each: 1 }],
    zero_sums: [{ over: "all tokens", each: GROUP }],
    merge: [devices, { over: "rows of each device", each: UNROLL }],
    gather: [{ over: "rows", each: GROUP }],
    operand: [{ over: "rows", each: operandRows }],
    combine: [{ over: "rows", each: UNROLL }],
    shared_rows: [{ over: "rows", each: GROUP }],
    shared_combine: [{ over: "rows", each: UNROLL }],
    reduce_scatter: reduced,
    write_output: [chunks, groups],
  };
}
