/** What the templates of the shared experts say of their weights, by name; `places.ts` has where they lie. */
import { holdsTwoPasses, isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { scaleBlock, sharedApart, sharedLayer } from "../../spec/formats.ts";
import type { Context } from "../context.ts";
import { productRows } from "../feed-forward/dequantize.ts";
import { quantizationContext, scaleUnit } from "../weights/quantization.ts";
import { scaledOf } from "./places.ts";
import { isTiled, planShared } from "./spread.ts";

/** What the module of the shared experts says beside what all modules do. */
export function sharedExpertsContext(
  plan: Plan,
  { sharedGated }: Context,
): Record<string, unknown> {
  const apart = sharedApart(plan.layer);
  const { quantization } = sharedLayer(plan.layer);
  const product = apart ? "shared_dot" : "scaled_dot";
  return {
    ...quantizationContext(sharedLayer(plan.layer)),
    productRows: quantization === undefined ? 0 : productRows(scaleBlock(quantization) ?? 0),
    dot: scaledOf(plan) === "plain" ? "dot" : product,
    sharedBlockName: apart ? "SHARED_SCALE_BLOCK" : scaleUnit(plan.layer),
    sharedGateText: sharedGated === true ? ", times their gate" : "",
  };
}

/** How they are spread over the devices. */
export function sharedSpreadContext(plan: Plan): Record<string, unknown> {
  const { ep } = plan.mesh;
  const { kernels } = plan;
  const shared = planShared(plan);
  const tiled = shared !== undefined && isTiled(shared, isStreamed(kernels));
  return {
    // A tile's turn, or all columns in the first slot.
    sharedSlot: tiled ? "slot" : "0",
    sharedResults: "result_tiles",
    sharedReplicas: shared?.replicas ?? 1,
    sharedColumns: shared?.columns ?? 0,
    sharedBlocks: shared?.blocks ?? 0,
    // Where passes overlap all rows of a pass are here before its experts.
    rowsAwaited: ep > 1 && !holdsTwoPasses(kernels),
    sharedRowsHere: shared?.blocks === 1 || holdsTwoPasses(kernels),
  };
}
