/** What a validation gives back, and on the way. */
import type { KindPlan } from "../plan/layers.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Loss } from "./errors.ts";
import type { RunnerOptions } from "./options.ts";
import type { ValidatedSize } from "./size.ts";

export type { ValidatedSize };

/** A kind of layers with the others of its model: what they have alike is in modules of all. */
export interface KindInPackage {
  readonly kind: string;
  /** The package. */
  readonly name: string;
  readonly kinds: readonly (KindPlan & { readonly spec: MoeSpec })[];
}

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
  /** Of several kinds of layers: the one that the plan is of, and the package that it lies in. */
  readonly kind?: KindInPackage;
}

/** What one case found wrong. */
export interface CaseFailure {
  /**
   * The worker was lost: with `crash` by the case's own doing; with the others the case has no verdict,
   * and another run may give one.
   */
  readonly kind?: Loss;
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
  /** What the kernel raised, or the worker said last. */
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
  /** What the error should be, and the most that it may be: of cases that compare sums. */
  readonly expected?: number;
  readonly limit?: number;
  /** Largest share of a limit that all tokens together have, or one of them; null: not finite. */
  readonly ofLimit?: number | null;
  /** What quantising the weights costs, apart from the kernel: of the reference case alone. */
  readonly quantizationError?: number;
  /** Of that, what quantised rows add to quantised weights. */
  readonly rowError?: number;
  readonly seconds: number;
  readonly failure?: CaseFailure;
}

export interface ValidateResult {
  readonly ok: boolean;
  readonly name: string;
  readonly size: ValidatedSize;
  readonly seed: number;
  readonly cases: readonly CaseResult[];
  /** Cases without a verdict: given up, their worker taken from outside, or not begun after that. */
  readonly undecided: number;
  /** Largest error of a case with a verdict; null where one is not finite, or none has a verdict. */
  readonly worstError: number | null;
  /** Largest share of a case's limit; null where one is not finite. */
  readonly ofLimit: number | null;
  /** Wall clock, worker start included. */
  readonly seconds: number;
}

export type ValidateEvent =
  /** Once, first. */
  | {
      readonly event: "start";
      readonly size: ValidatedSize;
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
