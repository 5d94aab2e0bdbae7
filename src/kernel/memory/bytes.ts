/** Bytes of a declared buffer in the layout that the compiler gives it. */
import type { Buffer } from "../../plan/plan.ts";
import type { BufferDeclaration } from "../declaration.ts";
import { LANES, roundUp, SUBLANES } from "../rows/layout.ts";

const ITEM: Readonly<Record<Buffer["dtype"], number>> = {
  bfloat16: 2,
  float32: 4,
  uint32: 4,
  int32: 4,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  int8: 1,
  // The compiler packs two in a byte and still allots a byte for each.
  float4_e2m1fn: 1,
  int4: 1,
};

/** Rows of a whole tile: 32 bits of a lane, of 8 sublanes. */
function tileRows(dtype: Buffer["dtype"]): number {
  return dtype === "float4_e2m1fn" || dtype === "int4" ? 64 : (SUBLANES * 4) / ITEM[dtype];
}

/** Bytes in the compiler's layout: the last two axes padded to a tile. */
export function paddedBytes(shape: readonly number[], dtype: Buffer["dtype"]): number {
  const item = ITEM[dtype];
  const last = shape.at(-1) ?? 1;
  if (shape.length < 2) return roundUp(last, SUBLANES * LANES) * item;
  const rows = shape.at(-2) ?? 1;
  // A buffer of few rows gets a smaller tile: 1, 2 or 4 sublanes.
  const full = tileRows(dtype);
  const tile = rows >= full ? full : 2 ** Math.ceil(Math.log2(rows));
  const leading = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return leading * roundUp(rows, tile) * roundUp(last, LANES) * item;
}

/** A declared buffer as the plan has it: one slot's shape, and the bytes of all. */
export function toBuffer(declaration: BufferDeclaration): Buffer {
  const { name, space, dims, dtype, meaning } = declaration;
  const sizes = dims.map(([, size]) => size);
  const slots = declaration.slots ?? 1;
  const shape = declaration.slots === undefined ? sizes : sizes.slice(1);
  return { name, space, shape, dtype, slots, bytes: paddedBytes(sizes, dtype), meaning };
}
