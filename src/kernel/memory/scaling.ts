/**
 * What scaling quantised weights adds to the values that the compiler holds at once, read off its
 * spills (libtpu 0.0.42.1). A product a block: the sum and the next block's product, in float32.
 * Weights that are scaled before a product: the columns of them that the matrix units take next.
 */
import type { Buffer } from "../../plan/plan.ts";
import { scaleBlock, sharedLayer } from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import { type Dequantization, productRows } from "../feed-forward/dequantize.ts";
import type { KernelInput } from "../frame.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { paddedBytes } from "./bytes.ts";

type Term = Pick<Buffer, "name" | "shape" | "dtype" | "meaning">;

function sums(rows: number, columns: number, what: string): Term {
  return {
    name: "spilled_sums",
    shape: [2, rows, columns],
    dtype: "float32",
    meaning: `spilled: ${what} so far, and the product of the next block of scales`,
  };
}

function bytesOf({ shape, dtype }: Term): number {
  return paddedBytes(shape, dtype);
}

/** Columns of scaled weights that are held ready, by the matrix units' size. */
function readyColumns({ mxu }: Device): number {
  return mxu.size === 128 ? 256 : 64;
}

/** Most rows that a product a block is made for. */
function productRowsOf({ layer, tiles }: KernelInput, way: Dequantization | undefined): number {
  if (way === "products") return tiles.bt;
  if (way !== "by_rows" || layer.quantization === undefined) return 0;
  return Math.min(tiles.bt, productRows(scaleBlock(layer.quantization) ?? 0));
}

/** Beside gate and up products: one body runs at a time, so the larger of what two ways hold. */
export function gateUpScaling(input: KernelInput, device: Device): readonly Term[] {
  const { layer, tiles, ways } = input;
  const shape = tileShapeOf(layer, tiles);
  const rows = productRowsOf(input, ways?.routed);
  const products = sums(rows, shape.gateUpColumns, "gate or up");
  const weights: Term = {
    name: "spilled_weights",
    shape: [shape.gateUpRows, readyColumns(device)],
    dtype: "bfloat16",
    meaning: "spilled: scaled weights on their way to the matrix units",
  };
  if (ways?.routed === "products") return [products];
  if (ways?.routed === "weights") return [weights];
  if (ways?.routed !== "by_rows") return [];
  return [bytesOf(products) > bytesOf(weights) ? products : weights];
}

/** Beside the down product, the shared experts' as well. */
export function downScaling(input: KernelInput): readonly Term[] {
  const { layer, tiles, ways } = input;
  const shape = tileShapeOf(layer, tiles);
  const routed = productRowsOf(input, ways?.routed);
  const shared = productRowsOf({ ...input, layer: sharedLayer(layer) }, ways?.shared);
  const rows = Math.max(routed, shared);
  return rows > 0 ? [sums(rows, shape.downColumns, "the down projection")] : [];
}
