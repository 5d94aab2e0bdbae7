import { join } from "node:path";
import { originOf } from "../../emit/header.ts";
import { defined } from "../../spec/defined.ts";
import { builtFrom, emitModel, emitPlan } from "../built-cache.ts";
import { defineCommand, outcome } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { plural, seconds } from "../format.ts";
import {
  buildIntoTree,
  type IntoFlags,
  intoOptions,
  refuseIntoFlags,
  refuseSameName,
} from "../into/commands.ts";
import type { Output } from "../output.ts";
import { packageVersion } from "../package.ts";
import { type FileState, inspect } from "../package-files.ts";
import { checkSpecs } from "../specs.ts";
import { refuseFile, settlePackages, writePackages } from "../write-packages.ts";

interface Options extends IntoFlags {
  readonly out: string;
  readonly check?: boolean;
  readonly watch?: boolean;
}

interface BuiltPackage {
  readonly name: string;
  readonly path: string;
  /** As the headers have it. */
  readonly hash: string;
  readonly files: readonly FileState[];
}

/** `moegen build`: specs to Python packages, alone (which starts no Python) or into a tree. */
export const build = defineCommand<Options>({
  name: "build",
  summary: "generate the Python package of each spec",
  examples: [
    "moegen build my-model.moe.ts",
    "moegen build examples/*.moe.ts --check",
    "moegen build my-model.moe.ts --out ../kernels --watch",
    "moegen build my-model.moe.ts --into ../sglang-jax --dry-run",
    "moegen build my-model.moe.ts --into ../sglang-jax",
  ],
  configure: (command) => {
    command
      .argument("<specs...>", "spec files, *.moe.ts")
      .option("-o, --out <dir>", "folder that gets one package for each spec", "generated")
      .option("--check", "write nothing; exit 2 if a file is not what would be built")
      .option("--watch", "build again whenever a spec or its config changes")
      .option("--into <tree>", "build into a sgl-jax source tree: kernel, layer, models, tests")
      .option("--allow-dirty", "with --into: although tracked files of the tree have changes");
    intoOptions(command);
  },
  async run(paths, options, out) {
    if (options.into !== undefined) return buildIntoTree(paths, options, out);
    refuseIntoFlags(options);
    if (!options.watch) return buildOnce(paths, options, out);
    if (options.check || out.json) {
      throw new UsageError("--watch goes with neither --check nor --json");
    }
    const { watchSpecs } = await import("../watch.ts");
    return watchSpecs(paths, out, () => buildOnce(paths, options, out));
  },
});

async function buildOnce(paths: readonly string[], options: Options, out: Output) {
  const start = performance.now();
  refuseFile(options.out);
  const checked = await checkSpecs(paths, out);
  if (!checked.ok) return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
  const named = [
    ...checked.specs.map(({ path, plan }) => ({ path, name: plan.name })),
    ...checked.layers,
  ];
  refuseSameName(named);
  const packages: BuiltPackage[] = [];
  const names = named.map(({ name }) => name);
  if (!options.check) settlePackages(options.out, names);
  for (const { path, loaded, plan } of checked.specs) {
    const origin = originOf(path, loaded.spec, packageVersion());
    // A check trusts no cache.
    const made = await (options.check ? emitPlan(plan, origin) : builtFrom(plan, origin, emitPlan));
    const files = inspect(options.out, plan.name, made);
    packages.push({ name: plan.name, path, hash: origin.hash, files });
  }
  for (const { path, loaded, name, kinds } of checked.layers) {
    const origin = originOf(path, loaded.spec, packageVersion());
    const model = {
      name,
      kinds: kinds[0]?.kind.kinds ?? [],
      ...defined({ source: loaded.spec.source }),
    };
    const made = await (options.check
      ? emitModel(model, origin)
      : builtFrom(model, origin, emitModel));
    packages.push({ name, path, hash: origin.hash, files: inspect(options.out, name, made) });
  }
  if (!options.check) await writePackages(options.out, packages);
  for (const { name, files } of packages) report(name, files, options, out);
  const files = packages.flatMap((one) => one.files);
  const changed = files.filter(({ state }) => state !== "unchanged");
  const drift = options.check === true && changed.length > 0;
  const time = seconds((performance.now() - start) / 1000);
  const done = options.check ? (drift ? "differ" : "match") : "written";
  const figure = options.check && !drift ? files.length : changed.length;
  out.line(`${plural(figure, "file")} of ${files.length} ${done} in ${time}`);
  out.line(next(paths, drift));
  return outcome(drift ? EXIT.drift : EXIT.ok, {
    out: options.out,
    drift,
    packages: packages.map((one) => ({
      ...one,
      files: one.files.map(({ path, state }) => ({ path, state })),
    })),
    diagnostics: checked.diagnostics,
  });
}

function next(paths: readonly string[], drift: boolean): string {
  const all = paths.join(" ");
  return drift ? `next: moegen build ${all}` : `next: moegen validate ${paths[0] ?? ""}`;
}

function report(name: string, files: readonly FileState[], options: Options, out: Output): void {
  const { paint } = out;
  out.line(`${options.check ? "check" : "build"} ${paint.bold(name)} → ${join(options.out, name)}`);
  const below = (path: string): string => path.slice(name.length + 1);
  const width = Math.max(...files.map(({ path }) => below(path).length));
  for (const { path, state } of files) {
    const word = state === "unchanged" ? paint.dim(state) : paint.yellow(state);
    out.line(`  ${below(path).padEnd(width)}  ${word}`);
  }
}
