/** What a command is: one file below `commands/`, one line in its registry. */
import type { Command } from "commander";
import { defined } from "../spec/defined.ts";
import { isUndecided } from "../validate/undecided.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Output } from "./output.ts";

export interface Outcome {
  readonly exit: ExitCode;
  /** Results for `--json`, beside `command` and `status`. */
  readonly results: Readonly<Record<string, unknown>>;
}

export interface CliCommand {
  readonly name: string;
  /** One line for `moegen --help`. */
  readonly summary: string;
  /** Complete command lines for `--help`. */
  readonly examples: readonly [string, ...string[]];
  /** Arguments and options; `--json` is added for all. */
  readonly configure: (command: Command) => void;
  readonly run: (command: Command, out: Output) => Promise<Outcome>;
}

interface Definition<Options> extends Omit<CliCommand, "run"> {
  readonly run: (args: readonly string[], options: Options, out: Output) => Promise<Outcome>;
}

/** Gives a command's options their type; the parsers in `configure` make it true. */
export function defineCommand<Options extends object>(definition: Definition<Options>): CliCommand {
  return {
    ...definition,
    run: (command, out) => definition.run(command.args, command.opts<Options>(), out),
  };
}

/** How a command ended; `results` go under `--json` as they are. */
export function outcome(exit: ExitCode, results: Readonly<Record<string, unknown>>): Outcome {
  return { exit, results };
}

/** 0, 1, or 75 where nothing is wrong and something has no verdict. */
export function decided(
  cases: readonly { readonly ok: boolean; readonly failure?: { readonly kind?: string } }[],
  undecided: number,
  results: Readonly<Record<string, unknown>>,
): Outcome {
  const wrong = cases.some(({ ok, failure }) => !ok && !isUndecided(failure?.kind));
  if (wrong || (cases.length === 0 && undecided === 0)) return outcome(EXIT.failed, results);
  return outcome(undecided > 0 ? EXIT.undecided : EXIT.ok, results);
}

/** 0, 1, or 75: of kernels, each right where it is `ok`. */
export function decidedKernels(
  kernels: readonly {
    readonly ok: boolean;
    readonly failure?: { readonly kind: string } | undefined;
  }[],
  results: Readonly<Record<string, unknown>>,
): Outcome {
  const cases = kernels.map(({ ok, failure }) => ({ ok, ...defined({ failure }) }));
  const undecided = cases.filter(({ failure }) => isUndecided(failure?.kind)).length;
  return decided(cases, undecided, results);
}

/** 0 or 1. */
export function verdict(ok: boolean, results: Readonly<Record<string, unknown>>): Outcome {
  return outcome(ok ? EXIT.ok : EXIT.failed, results);
}
