import type { Code } from "./codes.ts";

export type Severity = "error" | "warning";

/** One thing to say about a spec, where it was written. Plain JSON. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  /** Relative to the working directory where it lies below it. */
  readonly file: string;
  /** From 1; `endColumn` is one past the last character, on the same line. */
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
  readonly message: string;
  /** From the kernel to the value, e.g. kernel, schedule, prefill, bf, "768 % 512 = 256". */
  readonly trace: readonly string[];
  readonly rule: string;
  /** Nearest legal values; empty where none can be named. */
  readonly nearest: readonly (number | string)[];
  readonly note?: string;
}

/** Steps from the spec's object to a value, e.g. ["schedule", "tiles", "prefill", "bf"]. */
export type SpecPath = readonly (string | number)[];

/** A diagnostic before its place in the file is known: what the rules make. */
export interface Finding {
  readonly code: Code;
  readonly severity: Severity;
  readonly path: SpecPath;
  /** Point at the property's name rather than its value. */
  readonly at?: "key";
  /** The value that is missing because of this name: it is not reported by itself. */
  readonly insteadOf?: SpecPath;
  readonly message: string;
  /** What follows the path in the trace, e.g. "768 % 512 = 256". */
  readonly detail?: string;
  /** Where the code's own rule can be said more exactly for this spec. */
  readonly rule?: string;
  readonly nearest: readonly (number | string)[];
  readonly note?: string;
}

/** Internal steps of the spec that a reader of the trace does not need. */
const SILENT = new Set(["tiles", "values"]);

/**
 * Names from the kernel to the value, without the steps that a reader does not write (`tiles`,
 * `values`), then the finding's detail.
 */
export function traceOf(finding: Finding): readonly string[] {
  const steps = finding.path.map(String).filter((step, index) => !(SILENT.has(step) && index > 0));
  return ["kernel", ...steps, ...(finding.detail === undefined ? [] : [finding.detail])];
}

/** Whether one of them is an error; warnings alone leave a spec legal. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}
