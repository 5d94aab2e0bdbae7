/** Scales of quantised weights in VMEM: they come with their weight tile, in the same slot. */
import {
  columnWords,
  hasExponents,
  projections,
  scaleArray,
  scaleBlock,
  sharedApart,
  sharedLayer,
  wordsAlong,
} from "../../spec/formats.ts";
import { type Dim, type ElementType, FLOAT, UNSIGNED } from "../declaration.ts";
import type { Layer } from "../rows/layout.ts";
import { scaleUnit, wordColumns } from "./quantization.ts";

/** Scale rows of a weight tile of `tile` rows, `text` in the generated code. */
function rowsOf({ layer, prefix }: Format, [text, tile]: Dim): Dim {
  const { quantization } = layer;
  if (quantization === undefined || scaleBlock(quantization) === undefined) return ["1", 1];
  const { rows } = scaleArray({ ...layer, quantization }, tile, 1);
  return [`${text} // ${prefix}${scaleUnit(layer)}`, rows];
}

/** Columns of its scales: each column's, or words that have those of four. */
function columnsOf({ layer }: Format, [text, columns]: Dim): Dim {
  if (wordsAlong(layer) !== "columns") return [text, columns];
  return [wordColumns(text), columnWords(columns)];
}

/** A layer with weights of one kind, and what the names of their constants begin with. */
interface Format {
  readonly layer: Pick<Layer, "hidden" | "intermediate" | "quantization">;
  readonly prefix: "" | "SHARED_";
}

/** What scales are in VMEM: exponents in words, others widened. */
export function scaleElement({ quantization }: Pick<Layer, "quantization">): ElementType {
  return quantization !== undefined && hasExponents(quantization) ? UNSIGNED : FLOAT;
}

/** Of a weight tile: its rows, and its columns. */
interface Cut {
  readonly rows: Dim;
  readonly columns: Dim;
}

/**
 * One row of scales is a buffer of its own in the last two axes: it is read across sublanes. `pair`:
 * gate's and up's lie one after the other.
 */
export function scaleTiles(
  format: Format,
  slots: Dim,
  gateUp: Cut & { readonly pair: boolean },
  down: Cut,
): { readonly gateUp: readonly Dim[]; readonly down: readonly Dim[] } {
  const tile = ({ rows, columns }: Cut): readonly Dim[] => [
    rowsOf(format, rows),
    ["1", 1],
    columnsOf(format, columns),
  ];
  const both: readonly Dim[] = gateUp.pair ? [["2", 2]] : [];
  return { gateUp: [slots, ...both, ...tile(gateUp)], down: [slots, ...tile(down)] };
}

/** Bytes of one routed expert's scales on their way to VMEM; of the shared ones', for their columns. */
export function expertScaleBytes(
  layer: Layer,
  intermediate = layer.intermediate,
): {
  readonly gateUp: number;
  readonly down: number;
} {
  const { quantization, hidden } = layer;
  if (quantization === undefined) return { gateUp: 0, down: 0 };
  const bytes = (contraction: number, channels: number): number => {
    const { rows, columns } = scaleArray({ ...layer, quantization }, contraction, channels);
    return 4 * rows * columns;
  };
  return {
    gateUp: projections(layer) * bytes(hidden, intermediate),
    down: bytes(intermediate, hidden),
  };
}

/** Streams of the routed experts' weights. */
export function weightStreams({ quantization }: Layer): readonly string[] {
  const scales = quantization === undefined ? [] : ["gate_up_scales_in", "down_scales_in"];
  return ["gate_up_in", "down_in", ...scales];
}

/** The same of the shared experts. */
export function sharedStreams(layer: Layer): readonly string[] {
  return weightStreams(sharedLayer(layer)).map((name) => `shared_${name}`);
}

/** Buffers of a weight tile: what a projection reads, the weights first. */
interface Buffers {
  readonly gateUp: readonly string[];
  readonly down: readonly string[];
}

/** Of the shared experts: the routed ones' slots, or of their own where their weights differ. */
export function sharedBuffers(layer: Layer): Buffers {
  const { gateUp, down } = weightBuffers(sharedLayer(layer));
  const own = (name: string): string => (sharedApart(layer) ? `shared_${name}` : name);
  return { gateUp: gateUp.map(own), down: down.map(own) };
}

/** Of the routed experts. */
export function weightBuffers({ quantization }: Layer): Buffers {
  const scaled = quantization !== undefined;
  return {
    gateUp: scaled ? ["gate_up_tiles", "gate_up_scales"] : ["gate_up_tiles"],
    down: scaled ? ["down_tiles", "down_scales"] : ["down_tiles"],
  };
}
