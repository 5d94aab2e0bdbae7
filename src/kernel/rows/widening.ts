/**
 * Token rows of 8 bits: what a device quantises once for each of its tokens, sends to the others and
 * multiplies. Whether a product takes them as they are or widened to bfloat16, which is exact, is
 * one answer for all devices of a package. Bundles of 128 rows, D 2048, F 768, by the compiler:
 *
 * | scales            | v6e int8, 8 bits | widened | v7x float8, 8 bits | widened | bfloat16 v6e, v7x |
 * | ----------------- | ---------------- | ------- | ------------------ | ------- | ----------------- |
 * | one a channel     | 2013             | 3318    | 1571               | 1928    | 3071, 2209        |
 * | of 128 neighbours | 4785             |         | 4171               |         |                   |
 * | of 256 neighbours | 2776             |         | 2448               |         |                   |
 *
 * Where a device does not multiply the type natively, with one scale a channel: v7x int8 2783 and
 * widened 2433, v6e float8 3492 and 3693. Scales along the contraction take a product a block:
 * weights scaled as bfloat16 are rounded (3333 and 2887 for 128 neighbours), and an activated value
 * that is off by so little is often quantised to its neighbour, an error near that of 8 bits itself.
 */
import { scaleBlock } from "../../spec/formats.ts";
import type { RowDType } from "../../spec/quantization.ts";
import { deviceOf } from "../../target/device/registry.ts";
import type { Layer } from "./layout.ts";

/** Whether a device's matrix units take both operands of the type at more than bfloat16's rate. */
export function multiplies(device: string, rows: RowDType): boolean {
  const { peak } = deviceOf(device).timing;
  return (rows === "int8" ? peak.int8 : peak.float8) > 1;
}

/** Whether the operands are rows of 8 bits, not what they stand for in bfloat16. */
export function takesNarrowRows(
  { quantization }: Pick<Layer, "quantization">,
  names: readonly string[],
): boolean {
  const rows = quantization?.activations;
  if (quantization === undefined || rows === undefined) return false;
  if (scaleBlock(quantization) !== undefined) return true;
  return rows !== "int8" || names.some((name) => multiplies(name, rows));
}
