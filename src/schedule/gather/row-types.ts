/** Types and names of what token rows become in VMEM. */
import { tokenRows } from "../../spec/formats.ts";
import type { DType, RowDType } from "../../spec/quantization.ts";
import type { Layer, Layout } from "./layout.ts";

/** Type of the operand: rows of 8 bits as they are, or what they stand for. */
export function operandType({
  layer,
  narrow,
}: {
  readonly layer: Layer;
  readonly narrow: boolean;
}): { readonly dtype: DType | RowDType; readonly dtypeText: string } {
  const rows = tokenRows(layer);
  return narrow && rows !== undefined
    ? { dtype: rows, dtypeText: "ROW_DTYPE" }
    : { dtype: layer.dtype, dtypeText: "DTYPE" };
}

/** Whether rows and partial sums are packed alike: each as `dtype`, or each as 8 bits. */
function packedAlike(layer: Pick<Layer, "quantization" | "wire">): boolean {
  return (tokenRows(layer) === undefined) === (layer.wire?.combine === undefined);
}

/** Name of the sublanes of a packed row of partial sums. */
export function packedPart(layer: Pick<Layer, "quantization" | "wire">): "ROW" | "PART_ROW" {
  return packedAlike(layer) ? "ROW" : "PART_ROW";
}

/** Sublanes of a buffer that holds rows, then partial sums, of `count` tokens: the larger of both. */
export function heldRows({ row, partRow }: Layout, count: number): readonly [string, number] {
  return row >= partRow
    ? ["(s.all_tokens + 1) * ROW", count * row]
    : ["(s.all_tokens + 1) * PART_ROW", count * partRow];
}

/**
 * Whether rows of the next pass arrive where sums of this one leave, in blocks of another size: a
 * device that has its sums may then send into the block that sums of a third leave from.
 */
export function needsPassBarrier(layer: Pick<Layer, "quantization" | "wire">): boolean {
  return !packedAlike(layer);
}
