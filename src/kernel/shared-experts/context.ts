/**
 * What the templates of the shared experts say of their weights: those of the routed experts' kind
 * lie in the first columns of the routed experts' slots; others in buffers of their own, whole.
 */

import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { sharedApart, sharedLayer } from "../../spec/formats.ts";
import type { Context } from "../context.ts";
import { dequantizationOf, sharedDequantization } from "../feed-forward/dequantize.ts";
import { quantizationContext } from "../weights/quantization.ts";
import { isTiled, type SharedPlace, sharedOf } from "./spread.ts";

/** Where scales of down come from, and how docstrings say where copies go. */
function sourceTexts({ sharedTiled, scaleBlocks }: Record<string, unknown>) {
  const tiled = sharedTiled === true;
  return {
    sharedSlotText: tiled ? "`slot`" : "0",
    sharedWidthText: tiled ? "shared_tile" : "SHARED_COLUMNS",
    // One scale a column of the result is for all rows.
    sharedSourceScaleRows:
      scaleBlocks === true ? `.at[_shared_scale_rows(s, me${tiled ? ", tile" : ""})]` : "",
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
    ...slotProducts(plan),
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

/** Products with what lies in the routed experts' slots, in columns that both kinds cut alike. */
function slotProducts(plan: Plan): Record<string, unknown> {
  const { sharedSlot: first, sharedWidth: size } = sharedSpreadContext(plan);
  const way = dequantizationOf(plan);
  /** A tile as `dot` takes it; with scales as `scaled_dot` does. `columns`: those it has of F. */
  const tile = (part: 0 | 1, columns: string, slot = "slot"): string => {
    const index = `${slot}, ${part}`;
    if (way === undefined) return `r.gate_up_tiles[${index}${columns && `, :, ${columns}`}]`;
    const scales = `r.gate_up_scales.at[${index}${columns && `, :, :, ${columns}`}]`;
    return `r.gate_up_tiles.at[${index}${columns && `, :, ${columns}`}], ${scales}`;
  };
  /** The first rows of the tile, and their scales. */
  const sharedDown = (rows: string, slot = "slot", width = "s.tiles.shared_tile"): string => {
    if (way === undefined) return `r.down_tiles[${slot}, ${rows}, :]`;
    const scales = way === "columns" ? "" : `, pl.ds(0, ${width} // SCALE_BLOCK)`;
    return `r.down_tiles.at[${slot}, ${rows}], r.down_scales.at[${slot}${scales}]`;
  };
  /** All columns of a wide tile, or some of them. */
  const wide = (columns: string, slot = "slot"): string => {
    const index = `${slot}${columns && `, :, ${columns}`}`;
    if (way === undefined) return `r.gate_up_tiles[${index}]`;
    const scales = `${slot}${columns && `, :, :, ${columns}`}`;
    return `r.gate_up_tiles.at[${index}], r.gate_up_scales.at[${scales}]`;
  };
  const width = `pl.ds(0, ${size})`;
  return {
    dot: way === undefined ? "dot" : "scaled_dot",
    wideGateWidth: wide(width, first),
    wideUpWidth: wide(`pl.ds(${size}, ${size})`, first),
    wideGateColumns: wide("columns"),
    wideUpColumns: wide("up_columns"),
    sharedGateWidth: tile(0, width, first),
    sharedUpWidth: tile(1, width, first),
    sharedDownWidth: sharedDown(width, first, size),
    sharedGateColumns: tile(0, "columns"),
    sharedUpColumns: tile(1, "columns"),
    sharedDownColumns: sharedDown("columns"),
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
    sharedTiled: tiled,
    sharedSlot: tiled ? "slot" : "0",
    sharedWidth: tiled ? "width" : "SHARED_COLUMNS",
    sharedReplicas: shared?.replicas ?? 1,
    sharedColumns: shared?.columns ?? 0,
    sharedBlocks: shared?.blocks ?? 0,
    sharedOwnOnly: shared?.blocks === 1,
  };
}
