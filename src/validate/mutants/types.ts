/** What a run of mutants gives back: plain data, as the CLI prints it and `--json` shows it. */
import type { ValidatedSize } from "../../runner/size.ts";
import type { RunnerOptions } from "../../runner/types.ts";

/** What is changed, by family: of the plan's synchronisation, or of what is computed from what. */
export const mutantFamilies = {
  sync: ["wait", "start", "barrier", "semaphore", "slot", "guard"],
  arithmetic: [
    ...(["offset", "block", "part", "mask", "last"] as const),
    ...(["rounding", "accumulation", "scale", "bias", "order"] as const),
  ],
} as const;
export type MutantFamily = keyof typeof mutantFamilies;
export type MutantKind = (typeof mutantFamilies)[MutantFamily][number];

/** In the order of the report. */
export const mutantKinds: readonly MutantKind[] = Object.values(mutantFamilies).flat();

export interface MutantOptions extends RunnerOptions {
  /** Devices to simulate; absent: 4. */
  readonly ep?: number;
  /** Absent: both. */
  readonly families?: readonly MutantFamily[];
  /** Absent: all. */
  readonly only?: readonly MutantKind[];
  /** Of a fixed sample; absent: all. */
  readonly sample?: number;
  /** By id, as a report names them; absent: all. */
  readonly ids?: readonly string[];
  readonly seed?: number;
  /** Worker processes at once; absent: by cores, at most 2. */
  readonly workers?: number;
}

/** One fault in the kernel. */
export interface Mutant {
  readonly id: string;
  readonly family: MutantFamily;
  readonly kind: MutantKind;
  readonly change: "dropped" | "duplicated" | "moved" | "swapped";
  /** In words. */
  readonly what: string;
  /** In the generated package. */
  readonly file: string;
  readonly line: number;
  /** The plan's; null: in none. */
  readonly stage: string | null;
  readonly streams: readonly string[];
  readonly semaphores: readonly string[];
  /** A fault that another project's kernel has had. */
  readonly named: boolean;
}

export interface MutantResult extends Mutant {
  readonly caught: boolean;
  /** It was given up before it was caught, or got through: no verdict. */
  readonly undecided?: boolean;
  /** "deadlock", "data race", "out of bounds", ... */
  readonly by?: string;
  /** What was found, in one sentence. */
  readonly message?: string;
  /** The case, its T and its order of devices and copies. */
  readonly case?: string;
  readonly tokens?: number;
  readonly order?: { readonly seed: number; readonly text: string };
  /** Runs until it was caught, or all there are. */
  readonly attempts: number;
  readonly seconds: number;
}

export interface KindCount {
  readonly family: MutantFamily;
  readonly kind: MutantKind;
  readonly killed: number;
  readonly total: number;
}

export interface MutantsResult {
  /** Every mutant was caught. */
  readonly ok: boolean;
  readonly name: string;
  readonly size: ValidatedSize;
  readonly seed: number;
  readonly killed: number;
  /** Given up: neither caught nor through. */
  readonly undecided: number;
  readonly total: number;
  readonly kinds: readonly KindCount[];
  readonly mutants: readonly MutantResult[];
  readonly seconds: number;
}

export type MutantsEvent =
  | { readonly event: "start"; readonly size: ValidatedSize; readonly total: number }
  /** The kernel without a fault passes. */
  | { readonly event: "base"; readonly attempts: number }
  | { readonly event: "mutant-start"; readonly id: string }
  | ({ readonly event: "mutant" } & MutantResult);
