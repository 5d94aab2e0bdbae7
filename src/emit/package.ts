/** What the common files of a generated package say, from the plan alone. */

import { layerContext } from "../kernel/api/context.ts";
import { weightsContext } from "../kernel/weights/arguments.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import { deviceOf } from "../target/device/registry.ts";
import { pyFloat, pyTuple } from "./python.ts";

function tileEntry(kernel: KernelPlan): Record<string, unknown> {
  const { upTo, bt, bf, bd, btc, slots, passTokens, rowBlock, sharedTile } = kernel.tiles;
  const vmemLimitBytes = deviceOf(kernel.device).vmemBytes;
  const counts = pyTuple(btc.map(String));
  const { predicted } = kernel;
  const more = {
    ...(sharedTile === undefined ? {} : { sharedTile }),
    predicted: predicted && pyTuple([pyFloat(predicted.fused), pyFloat(predicted.epmoe)]),
  };
  return { upTo, bt, bf, bd, btc: counts, slots, passTokens, rowBlock, ...more, vmemLimitBytes };
}

/** Whether the tile table carries predicted times. */
export function isPredicted(plan: Plan): boolean {
  return plan.kernels.some(({ predicted }) => predicted !== undefined);
}

export function tilesContext(plan: Plan): Record<string, unknown> {
  const kinds = [...new Set(plan.kernels.map((kernel) => kernel.device))];
  return {
    ...layerContext(plan),
    predicted: isPredicted(plan),
    table: kinds.map((device) => ({
      kind: deviceOf(device).kind,
      entries: plan.kernels
        .filter((kernel) => kernel.device === device)
        .sort((a, b) => a.tiles.upTo - b.tiles.upTo)
        .map(tileEntry),
    })),
  };
}

export function initContext(plan: Plan): Record<string, unknown> {
  const routing = plan.layer.routing.where === "kernel" ? ["reference_routing"] : [];
  const references = plan.emit.reference ? ["reference_moe", ...routing] : [];
  const quantized = plan.emit.reference && plan.layer.quantization !== undefined;
  const mxfp4 = weightsContext(plan.layer).mxfp4 === true ? ["from_mxfp4"] : [];
  const helper = quantized ? [...mxfp4, "quantize_weights"] : [];
  const predicted = isPredicted(plan);
  const ratio = predicted ? ["predicted_ratio"] : [];
  const functions = ["fused_ep_moe", ...ratio, ...helper, ...references, "select_tiles"];
  const exports = ["TILE_TABLE", "Tiles", ...functions];
  return { ...layerContext(plan), reference: plan.emit.reference, predicted, exports };
}
