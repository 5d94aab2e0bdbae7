/** What a declaration of a buffer or of semaphores says. */
import type { Buffer, Semaphore } from "../plan/plan.ts";

/** One dimension: how the generated code computes it, and what it is here. */
export type Dim = readonly [text: string, size: number];

/** Element type of a buffer, and its text in the generated code. */
export interface ElementType {
  readonly dtype: Buffer["dtype"];
  readonly dtypeText: string;
}

export interface BufferDeclaration extends ElementType {
  readonly name: string;
  readonly space: "HBM" | "VMEM" | "SMEM";
  readonly dims: readonly Dim[];
  /** Leading dimensions that count as slots. */
  readonly slots?: number;
  readonly meaning: string;
}

export interface SemaphoreDeclaration {
  readonly name: string;
  readonly kind: Semaphore["kind"];
  readonly count: Dim;
  readonly meaning: string;
}

export const FLOAT: ElementType = { dtype: "float32", dtypeText: "jnp.float32" };
export const UNSIGNED: ElementType = { dtype: "uint32", dtypeText: "jnp.uint32" };
export const INT: ElementType = { dtype: "int32", dtypeText: "jnp.int32" };

/** A buffer of the vector unit; `slots`: its leading dimension counts them. */
export function vmem(
  name: string,
  dims: readonly Dim[],
  type: ElementType,
  meaning: string,
  slots?: number,
): BufferDeclaration {
  const { dtype, dtypeText } = type;
  const slotted = slots === undefined ? {} : { slots };
  return { name, space: "VMEM", dims, dtype, dtypeText, ...slotted, meaning };
}

/** A buffer in HBM: an output of the call that nobody reads, as kernels have no scratch there. */
export function hbm(
  name: string,
  dims: readonly Dim[],
  type: ElementType,
  meaning: string,
): BufferDeclaration {
  return { ...vmem(name, dims, type, meaning), space: "HBM" };
}

/** A list of the scalar unit: int32. */
export function smem(name: string, dims: readonly Dim[], meaning: string): BufferDeclaration {
  return { name, space: "SMEM", dims, ...INT, meaning };
}

/** Semaphores that copies signal. */
export function dma(name: string, count: Dim, meaning: string): SemaphoreDeclaration {
  return { name, kind: "dma", count, meaning };
}

/** How many there are of one thing. */
export const ONE: Dim = ["1", 1];
export const TWO: Dim = ["2", 2];
