/** Which of their answers the functions that copy weights have in a plan. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";

const HERE = "kernel/weights";

/** Templates by the name of what they answer. */
export function weightsBlocks({ layer, kernels }: Plan): Readonly<Record<string, string>> {
  const { weights } = layer;
  const lanes = fillsLanes(layer.intermediate);
  if (!isStreamed(kernels)) {
    // Side by side, no copy could end between gate and up: both come at once, as fused ones do.
    const whole = weights === "up" || (weights === "side_by_side" && !lanes);
    const layout = whole ? "fused" : weights;
    return { weight_copies: `${HERE}/whole_copies/${layout}` };
  }
  return {
    // By rows a tile has all columns, be they gate's and up's or up's alone.
    gate_up_copies: `${HERE}/gate_up_copies/${lanes ? weights : weights === "up" ? "side_by_side_by_rows" : `${weights}_by_rows`}`,
    down_copies: `${HERE}/down_copies/${fillsLanes(layer.hidden) ? "lanes" : "ragged"}`,
    bias_copies: layer.biases === true ? `${HERE}/bias_copies` : NO_BLOCK,
  };
}
