/**
 * Where the shared experts' weights lie: those of the routed experts' kind in the first columns of
 * the routed experts' slots, others in buffers of their own, whole.
 */
import type { Plan } from "../../plan/plan.ts";
import { scaleBlock, sharedApart, sharedLayer } from "../../spec/formats.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";
import { takesNarrowRows } from "../rows/widening.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";

const HERE = "kernel/shared_experts";
const WEIGHTS = `${HERE}/weights`;

/** What has a scale of its own: nothing, a column, or a block of rows of a column. */
export type Scaled = "plain" | "columns" | "blocks";

/** The same for the shared experts' weights. */
export function scaledOf({ layer }: Pick<Plan, "layer">): Scaled {
  const { quantization } = sharedLayer(layer);
  if (quantization === undefined) return "plain";
  return scaleBlock(quantization) === undefined ? "columns" : "blocks";
}

/** Rows of 8 bits meet other weights as what they stand for, which is exact. */
function widens({ layer, kernels }: Plan): boolean {
  const names = kernels.map(({ device }) => device);
  return sharedApart(layer) && takesNarrowRows(layer, names);
}

/**
 * Expressions, each a place of weights or of scales: where copies go, what products read.
 *
 * @param tiled Whether a device's columns may be several tiles.
 */
export function placeBlocks(plan: Plan, tiled: boolean): Record<string, string> {
  const { layer, kernels } = plan;
  const [first] = kernels;
  const apart = sharedApart(layer);
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  const gateUp = apart ? "apart" : wide ? "wide" : "separate";
  const down = apart ? "apart" : "slots";
  const scaled = scaledOf(plan);
  const plain = scaled === "plain";
  const source = scaled === "blocks" ? `${tiled ? "tile" : "own"}_blocks` : scaled;
  return {
    shared_gate_up_tile: `${WEIGHTS}/gate_up/${gateUp}`,
    shared_gate_up_scales: plain ? NO_BLOCK : `${WEIGHTS}/gate_up_scales/${gateUp}`,
    shared_gate_up_operand: `${WEIGHTS}/gate_up_operand/${plain ? gateUp : "scaled"}`,
    shared_down_tile: `${WEIGHTS}/down/${down}`,
    shared_down_scales: plain ? NO_BLOCK : `${WEIGHTS}/down_scales/${apart ? down : scaled}`,
    shared_down_operand: `${WEIGHTS}/down_operand/${plain ? down : "scaled"}`,
    shared_down_scale_source: plain ? NO_BLOCK : `${WEIGHTS}/down_scale_source/${source}`,
    shared_widened: widens(plan) ? `${HERE}/widened` : NO_BLOCK,
    // Where down tiles are cut along rows, the activated rows lie by tile.
    shared_activated: `${HERE}/activated/${fillsLanes(layer.intermediate) ? "rows" : "by_tile"}`,
  };
}
