/** A tree after a build or a revert, for people and for `--json`. */
import type { IntoResult } from "../../into/build.ts";
import { type Compared, STOPPING } from "../../into/compare.ts";
import { unifiedDiff } from "../../into/diff.ts";
import { defined } from "../../spec/defined.ts";
import type { Tree } from "../../target/tree/tree.ts";
import { type Outcome, outcome } from "../command.ts";
import { EXIT } from "../exit.ts";
import { plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";

export interface ShowOptions {
  readonly verb: "build" | "revert";
  readonly into?: string;
  readonly dryRun?: boolean;
  readonly diff?: boolean;
  readonly check?: boolean;
  readonly start: number;
  /** The command that brings the tree up to date. */
  readonly next: string;
}

/**
 * Shows files by state (or the diff alone) and gives the outcome: drift under `--check`, 1 where a
 * file stopped it, else 0. `start` is of `performance.now()`.
 */
export function showTree(result: IntoResult, options: ShowOptions, out: Output): Outcome {
  const { tree, kernels, files, remarks, recovered, root } = result;
  const pending = files.filter(({ state }) => state !== "unchanged");
  const stopping = pending.filter(({ state }) => STOPPING.includes(state));
  const preview = Boolean(options.dryRun || options.diff || options.check);
  const drift = options.check === true && pending.length > 0;
  const diff = options.dryRun || options.diff ? pending.map(diffOf).join("") : undefined;
  if (diff !== undefined && options.diff) {
    // Alone on stdout, so that `git apply` can read it.
    if (!out.json) process.stdout.write(diff);
  } else {
    if (recovered) out.line("an interrupted build of this tree was brought to its end first");
    listFiles(result, options, out);
    for (const { name, text } of remarks) out.line(`  note: ${name}: ${text}`);
    if (diff) out.line(`\n${diff.trimEnd()}\n`);
    summarise(result, { ...options, preview, drift }, out);
  }
  const failed = stopping.length > 0 && !options.check;
  return outcome(drift ? EXIT.drift : failed ? EXIT.failed : EXIT.ok, {
    tree:
      tree === undefined
        ? null
        : { name: tree.name, title: tree.title, root, architectures: architecturesOf(tree) },
    kernels,
    written: !preview && (recovered || pending.length > 0),
    drift,
    recovered,
    files: files.map(({ path, state }) => ({ path, state })),
    remarks,
    ...defined({ diff }),
  });
}

/** Those whose models can use a generated kernel in the tree, as `config.json` names them. */
function architecturesOf({ hosts }: Tree): readonly string[] {
  return hosts.flatMap(({ architectures }) => architectures);
}

function diffOf({ path, now, next, base, state }: Compared): string {
  return STOPPING.includes(state) && state !== "conflict"
    ? unifiedDiff(path, base, now)
    : unifiedDiff(path, now, next);
}

function listFiles(
  { tree, files, root }: IntoResult,
  { verb, check, dryRun }: ShowOptions,
  out: Output,
): void {
  const { paint } = out;
  const word = check ? "check" : dryRun ? `${verb} (dry run)` : verb;
  out.line(
    `${word} ${tree === undefined ? "nothing of moegen" : paint.bold(tree.title)} in ${root}`,
  );
  for (const { path, state } of files) {
    const colour =
      state === "unchanged" ? paint.dim : STOPPING.includes(state) ? paint.red : paint.yellow;
    out.line(`  ${colour(state.padEnd(11))} ${path}`);
  }
}

function summarise(
  { files, kernels, tree }: IntoResult,
  options: ShowOptions & { readonly preview: boolean; readonly drift: boolean },
  out: Output,
): void {
  const changed = files.filter(({ state }) => state !== "unchanged").length;
  const time = seconds((performance.now() - options.start) / 1000);
  const done = options.check ? "differ" : options.preview ? "would be written" : "written";
  if (tree === undefined) {
    out.line("nothing to take out: no kernel of moegen is in this tree");
    return;
  }
  out.line(`${changed} of ${plural(files.length, "file")} ${done} in ${time}`);
  const names = kernels.length === 0 ? "none" : kernels.join(", ");
  out.line(`kernels ${options.preview ? "afterwards" : "in the tree"}: ${names}`);
  // A spec does not say whose layer it is: the server refuses a checkpoint of another model.
  if (options.verb === "build" && kernels.length > 0) {
    out.line(`for checkpoints of ${architecturesOf(tree).join(", ")} and no other`);
  }
  if (options.drift || (options.dryRun && changed > 0 && options.next !== "")) {
    out.line(`next: ${options.next}`);
  } else if (options.verb === "build" && !options.preview) {
    out.line(`undo: moegen revert --into ${options.into ?? ""}`);
  }
}
