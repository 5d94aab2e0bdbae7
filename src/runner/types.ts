/** What the runner gives back: plain data, as the CLI prints it and `--json` shows it. */
import type { DeviceName } from "../dsl/spec.ts";
import type { ValidatedSize } from "./size.ts";

export type { ValidatedSize };

/** What every call that needs the worker takes. */
export interface RunnerOptions {
  /** Stops the work and ends its processes. */
  readonly signal?: AbortSignal;
  /** The worker's stderr as it comes; absent, it is kept only for crash reports. */
  readonly onStderr?: (text: string) => void;
  /** Seconds without a sign of life before the worker is ended. */
  readonly timeout?: number;
  /** Where Python is looked for first; absent: the working directory. */
  readonly cwd?: string;
}

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

// ---------------------------------------------------------------------------------- validate

export interface ValidateOptions extends RunnerOptions {
  /** Devices to simulate; absent: the spec's ep. */
  readonly ep?: number;
  /** Token counts of the usual cases, all devices together; absent: one that suits the size. */
  readonly tokens?: readonly number[];
  /** Names of cases; absent: all. */
  readonly cases?: readonly string[];
  readonly seed?: number;
  /** The spec as it is rather than scaled. */
  readonly fullSize?: boolean;
  /** Devices and copies in the orders of this seed and the following ones; absent: as they come. */
  readonly jitter?: number;
  /** How many seeds; absent: 9, one of every kind of order. */
  readonly orders?: number;
  /** The spec's path as the user wrote it: for the line that reproduces a failure. */
  readonly specPath?: string;
}

/** What one case found wrong. */
export interface CaseFailure {
  /** In one sentence. */
  readonly message: string;
  /** Token with the largest error, and the expert that the error points to (null: unknown). */
  readonly worst?: {
    readonly token: number;
    readonly error: number | null;
    readonly expert: number | null;
    readonly experts: readonly number[];
    readonly nanTokens: number;
    readonly wrongTokens: number;
  };
  /** First token whose chosen experts or weights differ. */
  readonly routing?: {
    readonly token: number;
    readonly problem: string;
    readonly expert?: number;
    readonly got?: readonly number[] | number;
    readonly want?: readonly number[] | number;
  };
  /** Race reports, without repetitions. */
  readonly races?: readonly string[];
  /** Semaphores that were not zero when the kernel ended. */
  readonly semaphores?: readonly string[];
  readonly outOfBounds?: string;
  /** Who waits for what, where all devices wait for ever. */
  readonly deadlock?: string;
  /** Copies that were not over when a device that they concern had ended its call. */
  readonly unfinished?: readonly string[];
  /** The order of devices and copies that found it, where it ran in one. */
  readonly order?: { readonly seed: number; readonly text: string };
  /** What the kernel raised, or "deadlock or too slow". */
  readonly error?: string;
  /** The command that runs this case alone. */
  readonly reproduce: string;
}

export interface CaseResult {
  /** Name for `--case`, e.g. "hot-expert". */
  readonly case: string;
  /** For people, e.g. "one hot expert". */
  readonly title: string;
  readonly tokens: number;
  readonly seed: number;
  readonly ok: boolean;
  /** Relative Frobenius error; null where the result is not finite or there is none. */
  readonly error: number | null;
  /** What quantising the weights costs, apart from the kernel: of the reference case alone. */
  readonly quantizationError?: number;
  /** Of that, what quantised rows and sums add to quantised weights. */
  readonly rowError?: number;
  /** Of that, what quantised partial sums add. */
  readonly sumError?: number;
  readonly seconds: number;
  readonly failure?: CaseFailure;
}

export interface ValidateResult {
  readonly ok: boolean;
  readonly name: string;
  readonly size: ValidatedSize;
  /** Error bound. */
  readonly bound: number;
  readonly seed: number;
  readonly cases: readonly CaseResult[];
  /** Largest error of a case; null where one is not finite. */
  readonly worstError: number | null;
  /** Wall clock, worker start included. */
  readonly seconds: number;
}

export type ValidateEvent =
  /** Once, first. */
  | {
      readonly event: "start";
      readonly size: ValidatedSize;
      readonly bound: number;
      readonly cases: readonly string[];
    }
  /** A case is being worked on. */
  | {
      readonly event: "case-start";
      readonly case: string;
      readonly title: string;
      readonly tokens: number;
    }
  | ({ readonly event: "case" } & CaseResult);

// ----------------------------------------------------------------------------------- compile

export interface CompileOptions extends RunnerOptions {
  /** Absent: the plan's. */
  readonly devices?: readonly DeviceName[];
  /** Absent: 64 and 2048, as far as the plan's buckets hold them. */
  readonly tokens?: readonly number[];
  /** Workers at once; absent: by cores, at most 2. */
  readonly workers?: number;
  /** Give the schedule in pieces too, for `profile`. */
  readonly profile?: boolean;
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
  readonly device: DeviceName;
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
  readonly seconds: { readonly trace: number; readonly compile: number };
  readonly failure?: CompileFailure;
}

export interface CompileResult {
  readonly ok: boolean;
  readonly name: string;
  readonly targets: readonly CompileTargetResult[];
  readonly seconds: number;
}

export type CompileEvent =
  | { readonly event: "start"; readonly targets: number }
  | { readonly event: "target-start"; readonly device: DeviceName; readonly tokens: number }
  | ({ readonly event: "target" } & CompileTargetResult);
