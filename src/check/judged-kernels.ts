/** What came of lowering the buckets of a spec. */
import type { ResolvedTiles } from "../lower/tiles.ts";
import type { Finding } from "./diagnostic.ts";

export interface JudgedKernels {
  readonly findings: readonly Finding[];
  readonly resolved: readonly ResolvedTiles[];
  /** Kernels that were lowered for it. */
  readonly lowered: number;
}
