/** Which of their answers the functions of the shared experts have in a plan. */
import {
  holdsTwoPasses,
  isStreamed,
  planGoesByBlock,
  rowsInHbm,
  sumsInHbm,
} from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { sharedActivation, sharedApart, tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { activationBlock } from "../api/layer.ts";
import { sharedDequantization } from "../feed-forward/dequantize.ts";
import { cutsHidden } from "../feed-forward/rules.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { placeBlocks, scaledOf } from "./places.ts";
import { isTiled, planShared, type Shared } from "./spread.ts";

const HERE = "kernel/shared_experts";

/** A device's own columns of the arrays, one tile of them, or of an array that is all its own. */
function columnsBlock(plan: Plan, { replicas, blocks }: Shared, tiled: boolean): string {
  const whole = replicas === 1 || blocks === 1;
  if (whole && !tiled) return NO_BLOCK;
  const name = tiled ? (whole ? "tile" : "own_tile") : "own";
  return `${HERE}/columns/${name}${scaledOf(plan) === "blocks" ? "_scaled" : ""}`;
}

/** Whose tokens a device computes. */
function tokensOf({ mesh }: Plan, { blocks }: Shared): "own" | "all" | "groups" {
  if (blocks === 1) return "own";
  return blocks === devicesOf(mesh) ? "all" : "groups";
}

/** Functions that stream weight tiles beside the routed experts'. */
function streamedBlocks(plan: Plan, { blocks }: Shared): Record<string, string> {
  const { layer, mesh, kernels } = plan;
  const [first] = kernels;
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  const summed = cutsHidden(layer, kernels) ? "_sums" : "";
  const hidden = fillsLanes(layer.hidden) ? "lanes" : "ragged";
  const gated = tokenRows(layer) === undefined ? "gated" : "gated_quantized";
  const gate = layer.sharedExperts?.gate === "sigmoid" ? gated : "plain";
  const atOnce = !holdsTwoPasses(kernels) && !planGoesByBlock(plan);
  const awaits = blocks === 1 && mesh.ep > 1 && atOnce;
  return {
    shared_experts: `${HERE}/shared_streamed`,
    with_shared_body: `${HERE}/body/streamed`,
    shared_down_copies: `${HERE}/tiled/down_copies/${hidden}_${scaledOf(plan)}`,
    shared_gate_up: `${HERE}/tiled/gate_up/${wide ? "wide" : "separate"}${summed}`,
    shared_activation: `${HERE}/tiled/activation/${gate}`,
    shared_down: `${HERE}/tiled/down/${hidden}`,
    // Where others' rows are not for these, they are waited for after them.
    run_shared_experts: `${HERE}/tiled/run/${awaits ? "own_distributed" : "all"}`,
  };
}

/** Functions that have a tile's weights whole. */
function residentBlocks(
  { layer }: Plan,
  { replicas, blocks }: Shared,
  tiled: boolean,
): Record<string, string> {
  const whole = replicas === 1 || blocks === 1;
  const turn = tiled ? "tiled" : "untiled";
  const tokens = blocks === 1 ? "own" : "all";
  const gate = tokenRows(layer) === undefined ? "plain" : "quantized";
  const copies = tiled ? "tiled" : whole ? "whole" : "own";
  return {
    shared_experts: `${HERE}/shared_resident`,
    with_shared_body: `${HERE}/body/${tokens}`,
    shared_weight_copies: `${HERE}/weight_copies/${copies}`,
    start_shared_experts: `${HERE}/start/${turn}`,
    shared_feed_forward: `${HERE}/feed_forward/${turn}_${sharedApart(layer) ? "apart" : "slots"}`,
    shared_gate: layer.sharedExperts?.gate === "sigmoid" ? `${HERE}/gate/${gate}` : NO_BLOCK,
    feed_tokens: `${HERE}/feed_tokens/${turn}_${tokens}`,
    run_shared_experts: `${HERE}/run/${turn}_${tokens}`,
  };
}

/** Their own activation, where they have one. */
function activationBlocks(layer: LayerSpec): Record<string, string> {
  const own = sharedActivation(layer);
  if (own === undefined) return { shared_activation_function: NO_BLOCK };
  return {
    shared_activation_function: `${HERE}/activate`,
    shared_activation_formula: activationBlock(own),
  };
}

/** Templates by the name of what they answer; none for a layer without shared experts. */
export function sharedBlocks(plan: Plan): Record<string, string> {
  const { layer, kernels } = plan;
  const shared = planShared(plan);
  if (shared === undefined) return {};
  const streamed = isStreamed(kernels);
  const tiled = isTiled(shared, streamed);
  const way = sharedApart(layer) ? sharedDequantization(plan) : undefined;
  return {
    shared_columns: columnsBlock(plan, shared, tiled),
    take_shared_rows: `${HERE}/take_rows/${rowsInHbm(kernels) ? "hbm" : "vmem"}`,
    add_shared: `${HERE}/add/${sumsInHbm(kernels) ? "hbm" : "vmem"}`,
    shared_token: `${HERE}/token/${tokensOf(plan, shared)}`,
    ...activationBlocks(layer),
    shared_dot: way === undefined ? NO_BLOCK : `${HERE}/shared_dot/${way}`,
    ...placeBlocks(plan, tiled),
    ...(streamed ? streamedBlocks(plan, shared) : residentBlocks(plan, shared, tiled)),
  };
}
