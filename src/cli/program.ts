/** The command line as a whole: parse, run one command, say how it went. */
import { Command, CommanderError } from "commander";
import { defined } from "../spec/defined.ts";
import type { CliCommand } from "./command.ts";
import { commands } from "./commands/registry.ts";
import { compileWasmOnce } from "./engine.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { type Failure, failureOf } from "./failure.ts";
import { handleInterrupts, interrupted, interruptedExit } from "./interrupt.ts";
import { Output } from "./output.ts";
import { packageVersion } from "./package.ts";

const stopped = (): Failure => ({
  exit: interruptedExit(),
  code: "interrupted",
  message: "interrupted",
});

/** Runs one command line; resolves to the exit code and never rejects. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  compileWasmOnce();
  const name = args.find((arg) => commands.some((command) => command.name === arg));
  // Known before parsing, so that a usage error is one JSON object too.
  const out = new Output({ json: args.includes("--json") });
  handleInterrupts(() => fail(out, name, stopped()));
  let exit: ExitCode = EXIT.ok;
  const program = rootCommand(out);
  for (const command of commands) {
    subcommand(program, command).action(async (...call: unknown[]) => {
      exit = await runCommand(command, call.at(-1) as Command, out);
    });
  }
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: "user" });
    return exit;
  } catch (thrown) {
    // Commander reports --help and --version by throwing as well.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    return fail(out, name, interrupted.aborted ? stopped() : failureOf(thrown));
  }
}

function statusOf(exit: ExitCode): "ok" | "failed" | "undecided" {
  if (exit === EXIT.ok) return "ok";
  return exit === EXIT.undecided ? "undecided" : "failed";
}

async function runCommand(command: CliCommand, parsed: Command, out: Output): Promise<ExitCode> {
  const { exit, results } = await command.run(parsed, out);
  // What came to its end all the same is not what the user asked for any more.
  interrupted.throwIfAborted();
  if (out.json) {
    out.object({ command: command.name, status: statusOf(exit), ...results });
  }
  return exit;
}

function fail(out: Output, name: string | undefined, failure: Failure): ExitCode {
  const { exit, code, message, fix, stack } = failure;
  if (out.closed) return exit;
  out.settle();
  if (out.json) {
    const error = { code, message, ...defined({ fix }) };
    out.object({ command: name ?? null, status: statusOf(exit), error });
  } else {
    out.note(`${out.paint.red("error:")} ${message}`);
    if (fix !== undefined) out.note(`  fix: ${fix}`);
    if (exit === EXIT.usage) out.note(`  see: moegen ${name ? `${name} ` : ""}--help`);
  }
  out.closed = true;
  if (stack !== undefined) out.note(`this is a fault of moegen, please report it:\n${stack}`);
  return exit;
}

function rootCommand(out: Output): Command {
  return quiet(new Command("moegen"))
    .description("Fused expert-parallel MoE kernels for TPU, from a typed description of the layer")
    .version(packageVersion(), "-V, --version")
    .addHelpText("after", "\nStart with: moegen init\nWhat this machine has: moegen doctor")
    .configureOutput({ writeOut: (text) => out.line(text.trimEnd()) });
}

function subcommand(program: Command, { name, summary, examples, configure }: CliCommand): Command {
  const command = quiet(program.command(name))
    .summary(summary)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .option("--json", "one JSON object on stdout; progress on stderr")
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
  configure(command);
  return command;
}

/** Errors are thrown, and shown by `fail` alone. */
function quiet(command: Command): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} });
}
