/**
 * What the templates of the shared experts say of their weights: those of the routed experts' kind
 * lie in the first columns of the routed experts' slots; others in buffers of their own, whole.
 */

import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { sharedApart, sharedLayer } from "../../spec/formats.ts";
import type { Context } from "../context.ts";
import { sharedDequantization } from "../feed-forward/dequantize.ts";
import { quantizationContext } from "../weights/quantization.ts";
import { isTiled, leavesSlots, type SharedPlace, sharedOf } from "./spread.ts";

/** Where copies come from, and how docstrings say where they go. */
function sourceTexts({ sharedTiled, sharedWhole, scaleBlocks }: Record<string, unknown>) {
  const tiled = sharedTiled === true;
  const given = tiled ? "s, me, tile" : "s, me";
  /** A part of an array, or all of it where that is what a device takes. */
  const part = (at: string): string => (sharedWhole === true && !tiled ? "" : at);
  return {
    sharedSlotText: tiled ? "`slot`" : "0",
    sharedWidthText: tiled ? "shared_tile" : "SHARED_COLUMNS",
    sharedSourceColumns: part(".at[:, columns]"),
    sharedSourceRows: part(".at[columns]"),
    sharedSourceScales: part(".at[:, :, columns]"),
    sharedSourceScaleRows: scaleBlocks === true ? part(`.at[_shared_scale_rows(${given})]`) : "",
  };
}

/** Where copies go: into the slots that the routed experts' weights take as well. */
function slotTexts(plan: Plan, { wide, streamed }: Context) {
  const { sharedSlot: slot, sharedWidth: width } = sharedSpreadContext(plan);
  const downWidth = streamed === true ? "s.tiles.shared_tile" : width;
  const part = (index: number, axes: string): string =>
    wide === true
      ? `${slot}, ${axes}:, pl.ds(${index === 0 ? "0" : width}, ${width})`
      : `${slot}, ${index}, ${axes}:, pl.ds(0, ${width})`;
  const { scaleBlocks } = quantizationContext(plan.layer);
  return {
    gateInto: `r.gate_up_tiles.at[${part(0, "")}]`,
    upInto: `r.gate_up_tiles.at[${part(1, "")}]`,
    downInto: `r.down_tiles.at[${slot}, pl.ds(0, ${downWidth})]`,
    gateScaleInto: `r.gate_up_scales.at[${part(0, ":, ")}]`,
    upScaleInto: `r.gate_up_scales.at[${part(1, ":, ")}]`,
    downScaleInto:
      scaleBlocks === true
        ? `r.down_scales.at[${slot}, pl.ds(0, ${downWidth} // SCALE_BLOCK)]`
        : `r.down_scales.at[${slot}]`,
    sharedBlockName: "SCALE_BLOCK",
    sharedWiden: "",
  };
}

/** The same with buffers of their own, and the products with what lies there. */
function ownTexts(plan: Plan, { narrow }: Context) {
  const { sharedSlot: slot } = sharedSpreadContext(plan);
  const way = sharedDequantization(plan);
  const tile = (name: string, index: string): string =>
    way === undefined
      ? `r.shared_${name}_tiles[${index}]`
      : `r.shared_${name}_tiles.at[${index}], r.shared_${name}_scales.at[${index}]`;
  const [gate, up] = [tile("gate_up", `${slot}, 0`), tile("gate_up", `${slot}, 1`)];
  const down = tile("down", slot);
  return {
    ...quantizationContext(sharedLayer(plan.layer)),
    scaleColumns: way === "columns",
    scaleWeights: way === "weights",
    scaleProducts: way === "products",
    dot: way === undefined ? "dot" : "shared_dot",
    // Rows of 8 bits meet other weights as what they stand for, which is exact.
    sharedWiden: narrow === true ? ".astype(DTYPE)" : "",
    gateInto: `r.shared_gate_up_tiles.at[${slot}, 0]`,
    upInto: `r.shared_gate_up_tiles.at[${slot}, 1]`,
    downInto: `r.shared_down_tiles.at[${slot}]`,
    gateScaleInto: `r.shared_gate_up_scales.at[${slot}, 0]`,
    upScaleInto: `r.shared_gate_up_scales.at[${slot}, 1]`,
    downScaleInto: `r.shared_down_scales.at[${slot}]`,
    wideGateWidth: gate,
    wideUpWidth: up,
    wideGateColumns: gate,
    wideUpColumns: up,
    sharedGateWidth: gate,
    sharedUpWidth: up,
    sharedDownWidth: down,
    sharedGateColumns: gate,
    sharedUpColumns: up,
    sharedDownColumns: down,
    sharedBlockName: "SHARED_SCALE_BLOCK",
  };
}

/** What the module of the shared experts says beside what all modules do. */
export function sharedExpertsContext(plan: Plan, context: Context): Record<string, unknown> {
  const own = sharedApart(plan.layer) ? ownTexts(plan, context) : {};
  const texts = { ...slotTexts(plan, context), ...own };
  const { sharedGated, raggedIntermediate } = context;
  return {
    ...texts,
    ...sourceTexts({ ...context, ...texts }),
    sharedGateText: sharedGated === true ? ", times their gate" : "",
    // Where down tiles are cut along rows, the activated rows lie by tile.
    firstTile: raggedIntermediate === true ? "0, " : "",
  };
}

/** How they are spread over the devices, and where their weights lie. */
export function sharedSpreadContext({
  layer,
  mesh: { ep },
  kernels,
}: Plan): Record<string, unknown> & SharedPlace {
  const shared = sharedOf(layer, ep);
  const streamed = isStreamed(kernels);
  const tiled = shared !== undefined && isTiled(shared, streamed);
  return {
    sharedAhead: shared !== undefined && leavesSlots(shared, layer, kernels, streamed),
    // Its columns are the whole array that a device has.
    sharedWhole: shared?.replicas === 1 || shared?.blocks === 1,
    sharedTiled: tiled,
    sharedSlot: tiled ? "slot" : "0",
    sharedWidth: tiled ? "width" : "SHARED_COLUMNS",
    sharedReplicas: shared?.replicas ?? 1,
    sharedGroups: shared !== undefined && shared.replicas > 1,
    sharedColumns: shared?.columns ?? 0,
    sharedBlocks: shared?.blocks ?? 0,
    sharedOwnOnly: shared?.blocks === 1,
    sharedEveryBlock: shared?.blocks === ep && ep > 1,
  };
}
