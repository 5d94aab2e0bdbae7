/** What the worker answers to `compile`, as it stands on the wire and in the cache. */
import type { Bundles, CompiledBuffer, CompileFailure } from "./compiled.ts";

export type RawBuffer = Omit<CompiledBuffer, "name">;

export interface RawTarget {
  readonly topology: string;
  readonly deviceKind: string;
  readonly fits: boolean;
  readonly bundles: Bundles | null;
  readonly vmem: { readonly used: number; readonly buffers: readonly RawBuffer[] } | null;
  readonly codeBytes: number | null;
  /** Absent in what was kept before it was looked for. */
  readonly offloads?: readonly string[];
  readonly seconds: { readonly trace: number; readonly compile: number };
  readonly failure?: Omit<CompileFailure, "buffers"> & { readonly buffers?: readonly RawBuffer[] };
}

/** Of the operation `compile`. */
export interface CompileRequest {
  /** As the worker takes it. */
  readonly layer: unknown;
  readonly slices: readonly { readonly name: string; readonly devices: number }[];
  /** T, all devices together. */
  readonly tokens: number;
  readonly tokenAxes: readonly string[];
}
