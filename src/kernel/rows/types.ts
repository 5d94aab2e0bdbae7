/** Types and names of what token rows become in VMEM. */
import type { ByNeed } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import type { Dim, ElementType } from "../declaration.ts";
import type { Layer, Layout } from "./layout.ts";

/** Type of rows, plain weights and results. */
export function elementType({ dtype }: Pick<Layer, "dtype">): ElementType {
  return { dtype, dtypeText: "DTYPE" };
}

/** Columns of a token row between HBM and the operand. */
export function rowColumns(
  { hidden }: Pick<Layer, "hidden">,
  { paddedHidden }: Pick<Layout, "paddedHidden">,
): Dim {
  return [paddedHidden === hidden ? "HIDDEN_SIZE" : "PADDED_HIDDEN", paddedHidden];
}

/** Type of the words that a packed row has. */
export function wordType({ word }: Pick<Layout, "word">): ElementType {
  return { dtype: word, dtypeText: "WORD" };
}

/** Type of the operand: rows of 8 bits as they are, or what they stand for. */
export function operandType({
  layer,
  narrow,
}: {
  readonly layer: Layer;
  readonly narrow: boolean;
}): ElementType {
  const rows = tokenRows(layer);
  return narrow && rows !== undefined
    ? { dtype: rows, dtypeText: "ROW_DTYPE" }
    : elementType(layer);
}

/**
 * Whether each device sends its sums of a token to the token's device itself, which adds them all up:
 * those whose order of addition must not depend on where the token is. Others are added up on their way.
 */
export function sumsGoStraight({ deterministic }: Pick<Layer, "deterministic">): boolean {
  return deterministic === true;
}

/** Whether they are added up as a token's result is written: all devices' are there, nought or not. */
export function addedWhenWritten({
  layer,
  ep,
  byNeed,
}: {
  readonly layer: Pick<Layer, "deterministic">;
  readonly ep: number;
  readonly byNeed?: ByNeed;
}): boolean {
  return ep > 1 && byNeed === undefined && sumsGoStraight(layer);
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
export function heldRows({ row, partRow }: Layout, count: number): Dim {
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
