/** What the runner gives back: plain data, as the CLI prints it and `--json` shows it. */
import type { CompileCache } from "./known/cache.ts";
import type { RunnerOptions } from "./options.ts";

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

/** A buffer as the compiler lists it. */
export interface CompiledBuffer {
  /** The plan's name for it, where shape and type tell. */
  readonly name: string | null;
  readonly shape: string;
  readonly bytes: number;
  /** The compiler's word for it, e.g. "scratch operand". */
  readonly tag: string;
}

export interface Bundles {
  /** Final VLIW bundles of the Pallas kernel. */
  readonly total: number;
  /** By named scope, bundles inside nested scopes counted there: "outer/inner". "" is none. */
  readonly scopes: Readonly<Record<string, number>>;
  /** Of `total`, markers of named scopes: not in a kernel that is not traced. */
  readonly tracing: number;
  /** Loops at the outermost depth, each with those inside it. */
  readonly loops: readonly Loop[];
  /** Where it was asked for. */
  readonly profile?: ScheduleProfile;
}

/** The final schedule in pieces that a profile multiplies and adds up. */
export interface ScheduleProfile {
  /** What one bundle holds at most, by slot, and matrix units; null where libtpu did not say. */
  readonly machine: {
    readonly capacity: Readonly<Record<string, number>>;
    readonly matrixUnits: number;
  } | null;
  /** Outer loops before inner ones; `trips` where the compiler knows them. */
  readonly loops: readonly {
    readonly parent: number | null;
    readonly scope: string;
    readonly trips: number | null;
  }[];
  readonly regions: readonly ScheduleRegion[];
}

/** Bundles of one named scope ("outer/inner") that are directly in one loop (null: in none). */
export interface ScheduleRegion {
  readonly scope: string;
  readonly loop: number | null;
  readonly bundles: number;
  /** Of them markers of named scopes. */
  readonly tracing: number;
  /** Cycles of `vdelay` beyond the bundles that hold them. */
  readonly delay: number;
  /** Uses by slot. */
  readonly slots: Readonly<Record<string, number>>;
}

/** One loop of the final schedule. */
export interface Loop {
  readonly scope: string;
  readonly depth: number;
  /** All of its body, and of it what is outside inner loops. */
  readonly bundles: number;
  readonly own: number;
  readonly loops: readonly Loop[];
}

export interface CompileFailure {
  readonly kind: "vmem" | "smem" | "hbm" | "compiler" | "crash" | "timeout";
  readonly message: string;
  /** Bytes wanted and bytes there are. */
  readonly requested?: number;
  readonly limit?: number;
  /** The compiler's own list; on overflow it names the buffers that did not fit. */
  readonly buffers?: readonly CompiledBuffer[];
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
