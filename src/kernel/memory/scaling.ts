/**
 * What scaling quantised weights adds to the values that the compiler holds at once, read off its
 * spills (libtpu 0.0.42.1). A product a block: the sum and the next block's product, in float32.
 * Weights that are scaled before a product: the columns of them that the matrix units take next.
 */
import type { Buffer } from "../../plan/plan.ts";
import type { Device } from "../../target/device/device.ts";
import type { Dequantization } from "../feed-forward/dequantize.ts";
import type { KernelInput } from "../frame.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";

type Term = Pick<Buffer, "name" | "shape" | "dtype" | "meaning">;

function sums(rows: number, columns: number, what: string): Term {
  return {
    name: "spilled_sums",
    shape: [2, rows, columns],
    dtype: "float32",
    meaning: `spilled: ${what} so far, and the product of the next block of scales`,
  };
}

/** Columns of scaled weights that are held ready, by the matrix units' size. */
function readyColumns({ mxu }: Device): number {
  return mxu.size === 128 ? 256 : 64;
}

/** Beside gate and up products. */
export function gateUpScaling(input: KernelInput, device: Device): readonly Term[] {
  const { layer, tiles, ways } = input;
  const shape = tileShapeOf(layer, tiles);
  if (ways?.routed === "products") return [sums(tiles.bt, shape.gateUpColumns, "gate or up")];
  if (ways?.routed !== "weights") return [];
  return [
    {
      name: "spilled_weights",
      shape: [shape.gateUpRows, readyColumns(device)],
      dtype: "bfloat16",
      meaning: "spilled: scaled weights on their way to the matrix units",
    },
  ];
}

/** Beside the down product, the shared experts' as well. */
export function downScaling({ layer, tiles, ways }: KernelInput): readonly Term[] {
  const shape = tileShapeOf(layer, tiles);
  const made: readonly (Dequantization | undefined)[] = [ways?.routed, ways?.shared];
  return made.includes("products")
    ? [sums(tiles.bt, shape.downColumns, "the down projection")]
    : [];
}
