/** What the common files of a generated package say, from the plan alone. */

import { layerContext } from "../kernel/api/context.ts";
import { weightsContext } from "../kernel/weights/arguments.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { TileField, TileTable } from "../schedule/schedule.ts";
import { deviceOf } from "../target/device/registry.ts";
import { pyFloat, pyTuple } from "./python.ts";

/** One entry of the table: the schedule's fields with their values, and what every table has. */
function tileEntry(kernel: KernelPlan, fields: readonly TileField[]): Record<string, unknown> {
  const { tiles, predicted, device } = kernel;
  const common = { bt: tiles.bt, bf: tiles.bf, bd: tiles.bd, btc: tiles.btc, slots: tiles.slots };
  const values: Readonly<Record<string, number | readonly number[]>> = { ...common, ...tiles.own };
  const python = (name: string): string => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`the plan has no tile ${name}`);
    return typeof value === "number" ? String(value) : pyTuple(value.map(String));
  };
  return {
    upTo: tiles.upTo,
    fields: fields.map(({ name }) => ({ name, value: python(name) })),
    predicted: predicted && pyTuple([pyFloat(predicted.fused), pyFloat(predicted.epmoe)]),
    vmemLimitBytes: deviceOf(device).vmemBytes,
  };
}

/** Whether the tile table carries predicted times. */
export function isPredicted(plan: Plan): boolean {
  return plan.kernels.some(({ predicted }) => predicted !== undefined);
}

/**
 * What `tiles.py` says: for each kind of device its entries, by ascending `upTo`. Throws RangeError
 * where the plan lacks a tile that the schedule's table names.
 */
export function tilesContext(plan: Plan, { fields, rules }: TileTable): Record<string, unknown> {
  const kinds = [...new Set(plan.kernels.map((kernel) => kernel.device))];
  return {
    ...layerContext(plan),
    predicted: isPredicted(plan),
    tileFields: fields,
    tileRules: rules,
    table: kinds.map((device) => ({
      kind: deviceOf(device).kind,
      entries: plan.kernels
        .filter((kernel) => kernel.device === device)
        .sort((a, b) => a.tiles.upTo - b.tiles.upTo)
        .map((kernel) => tileEntry(kernel, fields)),
    })),
  };
}

/** What `__init__.py` exports: it depends on the layer and on what is emitted beside the kernel. */
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
