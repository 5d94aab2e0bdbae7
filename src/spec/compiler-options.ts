/** What XLA is told of the whole program around a call: it takes options of a program, never of one kernel. */

/** A value without text: what a spec says names no path that a compiler would write to. */
export type CompilerOptionValue = boolean | number;

export interface CompilerOption {
  readonly value: CompilerOptionValue;
  /** Why, in a line: it stands beside the option in the package. */
  readonly because: string;
}

/** By XLA's name of the option. */
export type CompilerOptions = Readonly<Record<string, CompilerOption>>;

/** Options of XLA's TPU compiler. */
export const OPTION_NAME = /^xla_tpu_[a-z0-9_]+$/;
