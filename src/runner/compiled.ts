/** What the compiler says of a kernel: its schedule, its memory, or why it has none. */
import type { Loss } from "./errors.ts";

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
  readonly kind: "vmem" | "smem" | "hbm" | "compiler" | Loss;
  readonly message: string;
  /** Bytes wanted and bytes there are. */
  readonly requested?: number;
  readonly limit?: number;
  /** The compiler's own list; on overflow it names the buffers that did not fit. */
  readonly buffers?: readonly CompiledBuffer[];
}
