/** What `build --into` and `revert` have in common: their flags, and how they show a tree. */
import type { Command } from "commander";
import type { HandEdits } from "../../into/compare.ts";
import { defined } from "../../spec/defined.ts";
import { builtFrom, emitPlan, remembered } from "../built-cache.ts";
import { type Outcome, outcome } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { packageVersion } from "../package.ts";
import { checkSpecs } from "../specs.ts";

export interface IntoFlags {
  readonly into?: string;
  readonly dryRun?: boolean;
  readonly diff?: boolean;
  readonly force?: boolean;
  readonly merge?: boolean;
  readonly allowDirty?: boolean;
}

interface BuildFlags extends IntoFlags {
  readonly check?: boolean;
  readonly watch?: boolean;
}

/** Adds what `build` and `revert` share: --dry-run, --diff, --force, --merge. */
export function intoOptions(command: Command): void {
  command
    .option("--dry-run", "with --into: write nothing, show what would be done with its diff")
    .option("--diff", "with --into: write nothing, print the unified diff alone")
    .option("--force", "with --into: overwrite files that were edited by hand")
    .option("--merge", "with --into: keep edits made by hand, merged three ways");
}

const FLAGS = ["dryRun", "diff", "force", "merge", "allowDirty"] as const;

/**
 * Flags that mean nothing without a tree are not passed over: throws UsageError for the first
 * given.
 */
export function refuseIntoFlags(flags: IntoFlags): void {
  const given = FLAGS.find((flag) => flags[flag]);
  if (given === undefined) return;
  const name = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${name} goes with --into only`);
}

/**
 * `build --into`: exit 0, 1 where a spec does not check or a file stops it, drift under `--check`.
 * Throws UsageError for flags that contradict each other and for two specs of one name, IntoError
 * for a tree that is not known or cannot be written.
 */
export async function buildIntoTree(
  paths: readonly string[],
  flags: BuildFlags,
  out: Output,
): Promise<Outcome> {
  if (flags.watch) throw new UsageError("--watch does not go with --into");
  if (flags.check && (flags.force || flags.merge)) {
    throw new UsageError("--check writes nothing: --force and --merge do not go with it");
  }
  const start = performance.now();
  const checked = await checkSpecs(paths, out);
  if (!checked.ok) return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
  const [model] = checked.layers;
  if (model !== undefined) {
    throw new UsageError(
      `${model.path} has layers: a tree has one kernel for a model's layers; build --into takes a spec of one layer`,
    );
  }
  const specs = checked.specs.map(({ path, loaded }) => ({ path, spec: loaded.spec }));
  refuseSameName(specs.map(({ path, spec }) => ({ path, name: spec.name })));
  const { buildInto } = await import("../../into/build.ts");
  const result = await buildInto({
    ...common(flags),
    specs,
    allowDirty: flags.allowDirty === true,
    emit: (plan, origin) =>
      flags.check ? emitPlan(plan, origin) : builtFrom(plan, origin, emitPlan),
  });
  const next = `moegen build ${paths.join(" ")} --into ${flags.into}`;
  const { showTree } = await import("./report.ts");
  return showTree(result, { ...flags, verb: "build", start, next }, out);
}

/**
 * `revert --into`: takes kernels out, all of them where `names` is absent. Throws UsageError for
 * flags that contradict each other, IntoError for a tree that is not known or cannot be written.
 */
export async function revertTree(
  names: readonly string[] | undefined,
  flags: IntoFlags & { readonly into: string },
  out: Output,
): Promise<Outcome> {
  const start = performance.now();
  const { revertInto } = await import("../../into/build.ts");
  const result = await revertInto({ ...common(flags), ...defined({ names }) });
  const { showTree } = await import("./report.ts");
  return showTree(result, { ...flags, verb: "revert", start, next: "" }, out);
}

function common(flags: BuildFlags) {
  if (flags.into === undefined) throw new UsageError("--into needs the folder of a tree");
  if (flags.force && flags.merge) throw new UsageError("give --force or --merge, not both");
  const handEdits: HandEdits = flags.force ? "force" : flags.merge ? "merge" : "stop";
  return {
    into: flags.into,
    preview: Boolean(flags.dryRun || flags.diff || flags.check),
    handEdits,
    version: packageVersion(),
    signal: interrupted,
    // A check trusts no cache.
    ...(flags.check ? {} : { remember: remembered }),
  };
}

/** Two specs of one name would be one package: throws UsageError with both paths. */
export function refuseSameName(
  specs: readonly { readonly path: string; readonly name: string }[],
): void {
  const seen = new Map<string, string>();
  for (const { path, name } of specs) {
    const other = seen.get(name);
    if (other !== undefined) throw new UsageError(`${other} and ${path} are both named ${name}`);
    seen.set(name, path);
  }
}
