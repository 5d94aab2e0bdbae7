/** What the common files of a generated package say, from the plan alone. */

import { layerContext } from "../kernel/api/context.ts";
import { isMxfp4, quantizationContext } from "../kernel/weights/quantization.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { TileField, TileTable } from "../schedule/schedule.ts";
import { hasExponents, sharedApart, sharedLayer } from "../spec/formats.ts";
import { deviceOf } from "../target/device/registry.ts";
import { allWeightsBlocks, quantizationBlocks, referenceBlocks } from "./blocks.ts";
import { optionNames } from "./compiler-options.ts";
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
export function tilesContext(plan: Plan, { fields, rules }: TileTable) {
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

/** One import from a sibling: its module and the names, joined. */
export function siblingImport(module: string, names: readonly string[]) {
  return { module, names: names.join(", ") };
}

/** Names that a package has besides its call and its tables. */
export function exportsOf(plan: Plan) {
  const { layer, emit } = plan;
  const { reference: withReference } = emit;
  const { quantization } = layer;
  const mxfp4 = quantization !== undefined && isMxfp4(quantization) ? ["from_mxfp4"] : [];
  const unpacked = quantization?.checkpoint === "nvfp4" ? ["from_nvfp4"] : mxfp4;
  const packed = quantization !== undefined && hasExponents(quantization) ? ["pack_scales"] : [];
  const routing = layer.routing.where === "kernel" ? ["reference_routing"] : [];
  return {
    options: optionNames(plan),
    ratio: isPredicted(plan) ? ["predicted_ratio"] : [],
    padding: layer.heldExperts === undefined ? [] : ["pad_experts"],
    helper:
      withReference && quantization !== undefined
        ? [...unpacked, ...packed, "quantize_weights"]
        : [],
    references: withReference ? ["reference_moe", ...routing] : [],
  };
}

/** What `__init__.py` says: where its names come from, and all of them. */
export function initContext(plan: Plan): Record<string, unknown> {
  const { name } = plan;
  const { options, ratio, padding, helper, references } = exportsOf(plan);
  const functions = [
    ...options,
    "fused_ep_moe",
    ...padding,
    ...ratio,
    ...helper,
    ...references,
    "select_tiles",
  ];
  const modules: readonly (readonly [string, readonly string[]])[] = [
    ["compiler_options", options],
    ["kernel", ["fused_ep_moe"]],
    ["padding", padding],
    ["quantization", helper],
    ["reference", references],
    ["tiles", ["TILE_TABLE", "Tiles", ...ratio, "select_tiles"]],
  ];
  return {
    name,
    imports: modules
      .filter(([, names]) => names.length > 0)
      .map(([module, names]) => siblingImport(module, names)),
    exports: ["TILE_TABLE", "Tiles", ...functions],
  };
}

/** What the reference says: its siblings dequantise what is quantised. */
export function referenceContext(plan: Plan): Record<string, unknown> {
  const { layer } = plan;
  const apart = sharedApart(layer) && sharedLayer(layer).quantization !== undefined;
  return {
    ...layerContext(plan),
    blocks: referenceBlocks(plan),
    alsoShared: layer.sharedExperts === undefined ? "" : ", and the shared experts on all",
    imports: [
      ...(apart ? [siblingImport("", ["shared_quantization"])] : []),
      ...(layer.quantization === undefined ? [] : [siblingImport("quantization", ["dequantize"])]),
    ],
  };
}

/** What the module of quantised weights says. */
export function weightsModuleContext(plan: Plan): Record<string, unknown> {
  const { layer } = plan;
  const blocks = { ...quantizationBlocks(layer), ...allWeightsBlocks(layer) };
  return { ...layerContext(plan), blocks };
}

/** The same of the shared experts' own. */
export function sharedModuleContext(plan: Plan): Record<string, unknown> {
  const shared = sharedLayer(plan.layer);
  const blocks = quantizationBlocks(shared);
  return { ...layerContext(plan), ...quantizationContext(shared), blocks };
}
