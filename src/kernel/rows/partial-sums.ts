/** Partial sums as they are sent: what makes and takes them, where that is more than a rounding. */
import { type Dim, vmem } from "../declaration.ts";
import type { KernelInput } from "../frame.ts";
import type { Module } from "../part.ts";
import { LANES, type Layer } from "./layout.ts";
import { sentAs } from "./packing.ts";
import { packedPart, wordType } from "./types.ts";

/** Whether they are quantised. */
export function narrowSums({ wire }: Pick<Layer, "wire">): boolean {
  return wire?.combine !== undefined;
}

/** Its text, and number, of tokens whose sums are put together at a time. */
export type SumGroup = Dim;

/** What packs sums and takes them apart. `straight`: for sums that are added up as they are written, too. */
export function sumsModule(layer: Layer, [packedGroup]: SumGroup, straight: boolean): Module {
  return {
    name: "partial_sums",
    template: `kernel/rows/partial_sums/${sentAs(layer)}`,
    more: () => ({ packedGroup, straightSums: straight }),
  };
}

/** Quantised sums are put together apart: they are found a column block of some tokens at a time. */
export function packedSums({ layer, layout }: KernelInput, [text, tokens]: SumGroup) {
  const rows: Dim = [`${text} * ${packedPart(layer)}`, tokens * layout.partRow];
  const meaning = "sums of some tokens, quantised";
  return vmem("packed_sums", [rows, ["LANES", LANES]], wordType(layout), meaning);
}
