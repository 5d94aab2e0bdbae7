/** What follows from the layer alone: how a token row lies in VMEM, and padded counts. */
import type { LayerSpec } from "../../dsl/spec.ts";

export const LANES = 128;
export const SUBLANES = 8;
/** Sublanes from one (8, 128) result tile to the next: odd for the same reason. */
export const TILE_PITCH = SUBLANES + 1;
/** Entries one trip of a row loop moves; also `UNROLL` in the template. */
export const UNROLL = 8;

export type Layer = Pick<
  LayerSpec,
  "experts" | "topK" | "hidden" | "intermediate" | "dtype" | "weights" | "routing" | "activation"
>;

export interface Layout {
  readonly itemBytes: 2 | 4;
  /** Element of a packed row: two bfloat16 in a uint32, or one float32. */
  readonly word: "uint32" | "float32";
  /** Sublanes of a packed row. */
  readonly row: number;
  /** Sublanes from one gathered row to the next: odd, so that strided loads meet other banks. */
  readonly rowPitch: number;
  /** Sublanes of a row of float32 sums. */
  readonly sumRow: number;
  readonly choiceRows: number;
  readonly expertRows: number;
  readonly expertLanes: number;
  readonly logitLanes: number;
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function layoutOf(layer: Layer): Layout {
  const bf16 = layer.dtype === "bfloat16";
  // Given ids may say "no expert": one more row for those.
  const rows = layer.routing.where === "kernel" ? layer.experts : layer.experts + 1;
  return {
    itemBytes: bf16 ? 2 : 4,
    word: bf16 ? "uint32" : "float32",
    row: layer.hidden / (bf16 ? 2 * LANES : LANES),
    rowPitch: (layer.hidden / (bf16 ? 2 * LANES : LANES)) | 1,
    sumRow: layer.hidden / LANES,
    choiceRows: roundUp(layer.topK, SUBLANES),
    expertRows: roundUp(rows, SUBLANES),
    expertLanes: roundUp(rows + 1, LANES),
    logitLanes: roundUp(layer.experts, LANES),
  };
}
