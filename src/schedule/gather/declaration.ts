/** What a declaration of a buffer says, and what it is worked out from. */
import type { Buffer } from "../../plan/plan.ts";
import type { Dequantization } from "./dequantize.ts";
import type { Layer, Layout } from "./layout.ts";
import type { Sizes } from "./sizes.ts";

/** One dimension: how the generated code computes it, and what it is here. */
export type Dim = readonly [text: string, size: number];

export interface BufferDeclaration {
  readonly name: string;
  readonly space: "VMEM" | "SMEM";
  readonly dims: readonly Dim[];
  readonly dtype: Buffer["dtype"];
  /** Text of the dtype in the generated code. */
  readonly dtypeText: string;
  /** Leading dimensions that count as slots. */
  readonly slots?: number;
  readonly meaning: string;
}

export interface BufferInput {
  readonly layer: Layer;
  readonly layout: Layout;
  readonly ep: number;
  readonly sizes: Sizes;
  readonly tiles: { bt: number; bf: number; bd: number; slots: number; rowBlock: number };
  readonly streamed: boolean;
  /** How products with quantised weights are made; absent: weights are plain, or it does not matter. */
  readonly ways?: Ways;
  /** Operands of 8 bits. */
  readonly narrow: boolean;
}

export interface Ways {
  readonly routed: Dequantization | undefined;
  readonly shared: Dequantization | undefined;
}
