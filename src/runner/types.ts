/** What the runner gives back: plain data, as the CLI prints it and `--json` shows it. */
import type { Bundles, CompiledBuffer, CompileFailure } from "./compiled.ts";
import type { CompileCache } from "./known/cache.ts";
import type { RunnerOptions } from "./options.ts";

export type * from "./compiled.ts";
export type * from "./validated.ts";
export type { RunnerOptions };

/** Answer to `hello`: the Python side, for `doctor`. */
export interface WorkerInfo {
  readonly protocol: number;
  readonly pid: number;
  readonly python: string;
  readonly jax: string | null;
  readonly jaxlib: string | null;
  readonly libtpu: string | null;
  readonly numpy: string | null;
  readonly ray: string | null;
  readonly cores: number;
  /** Device files of a TPU are there; it was not opened. */
  readonly tpu: boolean;
}

// ----------------------------------------------------------------------------------- compile

export interface CompileOptions extends RunnerOptions {
  /** Absent: the plan's. */
  readonly devices?: readonly string[];
  /** Absent: the largest T of each bucket. */
  readonly tokens?: readonly number[];
  /** Workers at once; absent: by cores, at most 2. */
  readonly workers?: number;
  /** Give the schedule in pieces too, for `profile`. */
  readonly profile?: boolean;
  /** What was compiled before is looked for here, and what is compiled kept; absent: neither. */
  readonly cache?: CompileCache;
}

export interface CompileTargetResult {
  readonly device: string;
  readonly deviceKind: string;
  readonly topology: string;
  readonly tokens: number;
  readonly bucket: string;
  readonly fits: boolean;
  readonly bundles: Bundles | null;
  /** `used` by the compiler's report (the plan's figure where there is none). */
  readonly vmem: {
    readonly used: number;
    readonly capacity: number;
    readonly planned: number;
    readonly buffers: readonly CompiledBuffer[];
  };
  /** Bytes of the whole program. */
  readonly codeBytes: number | null;
  /** Operations that XLA gives to the SparseCore, by their names; null: it does not compile, or was
   * compiled before that was looked for. */
  readonly offloads: readonly string[] | null;
  /** Of the run that compiled it. */
  readonly seconds: { readonly trace: number; readonly compile: number };
  /** It was compiled before. */
  readonly known: boolean;
  readonly failure?: CompileFailure;
}

export interface CompileResult {
  readonly ok: boolean;
  readonly name: string;
  readonly targets: readonly CompileTargetResult[];
  readonly seconds: number;
}

export type CompileEvent =
  /** `buckets`: each one's largest T, since nobody asked for others. */
  | { readonly event: "start"; readonly targets: number; readonly buckets: boolean }
  | { readonly event: "target-start"; readonly device: string; readonly tokens: number }
  | ({ readonly event: "target" } & CompileTargetResult);
