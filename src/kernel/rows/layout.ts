/** What follows from the layer alone: how a token row lies in VMEM, and padded counts. */
import {
  heldExperts,
  idsOf,
  packedRows,
  sharedLayer,
  tokenRows,
  wholeBlocks,
} from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";

export const LANES = 128;
export const SUBLANES = 8;

export type Layer = Pick<
  LayerSpec,
  | "experts"
  | "heldExperts"
  | "identityExperts"
  | "topK"
  | "hidden"
  | "intermediate"
  | "dtype"
  | "weights"
  | "quantization"
  | "wire"
  | "biases"
  | "routing"
  | "activation"
  | "sharedExperts"
  | "deterministic"
  | "scoreOn"
>;

export interface Layout {
  readonly itemBytes: 2 | 4;
  /** Element of a packed row: four values of 8 bits or two bfloat16 in a uint32, or one float32. */
  readonly word: "uint32" | "float32";
  /** Columns of a token row in VMEM: D in whole words of 128 lanes. */
  readonly paddedHidden: number;
  /** Sublanes of a packed token row; one of 8 bits has its scale in the last, in every lane. */
  readonly row: number;
  /**
   * Sublanes from one gathered row to the next: odd, so that strided loads meet other banks. Those that the
   * shared experts take out of HBM come as they lie there, side by side.
   */
  readonly rowPitch: number;
  /** Sublanes from one (8, 128) result tile to the next: odd for the same reason. */
  readonly tilePitch: number;
  /** Sublanes of a row of partial sums on its way, packed as `dtype` or as 8 bits with its scale. */
  readonly partRow: number;
  /** Sublanes of a result row packed as `dtype`, and from one gathered to the next. */
  readonly resultRow: number;
  readonly resultPitch: number;
  /** Sublanes of a row of float32 sums, and from one to the next in HBM and on their way: odd as above. */
  readonly sumRow: number;
  readonly sumPitch: number;
  readonly choiceRows: number;
  readonly expertRows: number;
  readonly expertLanes: number;
  readonly logitLanes: number;
}

/** The least multiple of `multiple` that is not below `value`. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Least cut of an axis that fills lanes: a tile has whole blocks of scales. */
export function tileUnit(layer: Pick<Layer, "quantization">): number {
  return wholeBlocks(layer, LANES);
}

/** Least token rows of which packed rows and sums fill whole registers: what a part is cut at. */
export function wholeRegisters({ row, partRow }: Pick<Layout, "row" | "partRow">): number {
  let unit = 1;
  while ((unit * row) % SUBLANES !== 0 || (unit * partRow) % SUBLANES !== 0) unit *= 2;
  return unit;
}

type Weights = Pick<Layer, "dtype" | "quantization" | "sharedExperts">;

/** Least rows of D that copies of all weights can begin at, those of the shared experts too. */
export function hiddenRows(layer: Weights): number {
  return Math.max(packedRows(layer), packedRows(sharedLayer(layer)));
}

/**
 * Least cut of F, or of D, which cuts the shared experts' weights as well: whole lanes where the
 * axis fills them, else whole packed rows; and whole blocks of scales.
 */
export function axisUnit(layer: Weights, axis: "bf" | "bd", size: number): number {
  if (axis === "bf") return wholeBlocks(layer, fillsLanes(size) ? LANES : packedRows(layer));
  const unit = wholeBlocks(layer, fillsLanes(size) ? LANES : hiddenRows(layer));
  return wholeBlocks(sharedLayer(layer), unit);
}

/** Whether an axis splits into whole vector registers along lanes. */
export function fillsLanes(size: number): boolean {
  return size % LANES === 0;
}

/** Whether token rows or partial sums have four columns in a word. */
export function narrowRows(layer: Pick<Layer, "quantization" | "wire">): boolean {
  return tokenRows(layer) !== undefined || layer.wire?.combine !== undefined;
}

/**
 * D where it is a row's columns. A size that does not fill lanes leaves room for tiles that are
 * padded one by one: their columns must begin at whole vector registers.
 */
export function paddedHidden(
  layer: Pick<Layer, "hidden" | "dtype" | "quantization" | "wire">,
): number {
  const { hidden, dtype } = layer;
  const words = narrowRows(layer) ? 4 : dtype === "bfloat16" || !fillsLanes(hidden) ? 2 : 1;
  return roundUp(hidden, words * LANES);
}

/**
 * Sublanes and paddings of one layer's rows and lists.
 * @param inHbm token rows lie in HBM
 */
export function layoutOf(layer: Layer, inHbm = false): Layout {
  const bf16 = layer.dtype === "bfloat16";
  const columns = paddedHidden(layer);
  const packed = columns / (bf16 ? 2 * LANES : LANES);
  const narrow = columns / (4 * LANES) + 1;
  const row = tokenRows(layer) === undefined ? packed : narrow;
  const partRow = layer.wire?.combine === undefined ? packed : narrow;
  // Given ids may say "no expert": one more row for those.
  // Of held experts that no token goes to, and of identity experts, there is one kind at most.
  const logits = Math.max(heldExperts(layer), idsOf(layer));
  const rows = layer.routing.where === "kernel" ? logits : idsOf(layer) + 1;
  return {
    itemBytes: bf16 ? 2 : 4,
    word: bf16 ? "uint32" : "float32",
    paddedHidden: columns,
    row,
    rowPitch: inHbm && layer.sharedExperts !== undefined ? row : row | 1,
    tilePitch: SUBLANES + 1,
    partRow,
    resultRow: packed,
    resultPitch: packed | 1,
    sumRow: columns / LANES,
    sumPitch: (columns / LANES) | 1,
    choiceRows: roundUp(layer.topK, SUBLANES),
    expertRows: roundUp(rows, SUBLANES),
    expertLanes: roundUp(rows + 1, LANES),
    logitLanes: roundUp(logits, LANES),
  };
}

/** Bytes of a chunk of token rows that lie in HBM, at most: two come while two leave, packed. */
const MOST_CHUNK_BYTES = 2 ** 20;

/** Most token rows that go between HBM and VMEM at once where rows lie in HBM: ROW_CHUNK of the template. */
export function rowChunk({
  paddedHidden,
  itemBytes,
}: Pick<Layout, "paddedHidden" | "itemBytes">): number {
  let rows = LANES;
  while (rows > 2 * SUBLANES && rows * paddedHidden * itemBytes > MOST_CHUNK_BYTES) rows /= 2;
  return rows;
}
