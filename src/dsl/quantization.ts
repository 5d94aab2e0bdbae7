/** What a quantised layer's scales are, in numbers. */
import type { LayerSpec, Quantization } from "./spec.ts";

export const BLOCK = 128;

/** Neighbours along the contraction that share a scale; undefined: all of them. */
export function scaleBlock({ granularity }: Quantization): number | undefined {
  if (granularity === "per_channel") return undefined;
  return granularity === "blocks_128x128" ? BLOCK : granularity.block;
}

/** Whether neighbouring output channels share a scale too. */
export function hasBlockColumns({ granularity }: Quantization): boolean {
  return granularity === "blocks_128x128";
}

/** Scales along a contraction of `size`. */
export function scaleRows(quantization: Quantization, size: number): number {
  return size / (scaleBlock(quantization) ?? size);
}

/** Bytes of one scale as it comes. */
export function scaleBytes({ scales }: Quantization): 2 | 4 {
  return scales === "float32" ? 4 : 2;
}

const ITEM_BYTES = { bfloat16: 2, float32: 4 } as const;

/** Bytes of one weight as it comes. */
export function weightBytes({
  dtype,
  quantization,
}: Pick<LayerSpec, "dtype" | "quantization">): 1 | 2 | 4 {
  return quantization === undefined ? ITEM_BYTES[dtype] : 1;
}

/** In words: "int8, one float32 scale a channel". */
export function quantizationText({ weights, granularity, scales }: Quantization): string {
  if (granularity === "per_channel") return `${weights}, one ${scales} scale a channel`;
  if (granularity === "blocks_128x128") return `${weights}, ${scales} scales of 128 x 128`;
  return `${weights}, one ${scales} scale for ${granularity.block} of a channel`;
}
