import type { ValidateOptions } from "../../runner/types.ts";
import { defined } from "../../spec/defined.ts";
import { mutantKinds } from "../../validate/mutants/types.ts";
import { decided, defineCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, withSpec } from "../one-spec.ts";
import { kindOption } from "../options.ts";
import type { Output } from "../output.ts";
import { positive, positiveList, seed, wordList } from "../parse.ts";
import { validationReport } from "../report/validation.ts";
import { runMatrix } from "../validate/matrix.ts";
import { mutantsOf, runMutants } from "../validate/mutants.ts";
import type { Options } from "../validate/options.ts";

/** `moegen validate`: the generated kernel against the float32 reference, on simulated devices. */
export const validate = defineCommand<Options>({
  name: "validate",
  summary: "run the kernel on simulated devices against the float32 reference",
  examples: [
    "moegen validate my-model.moe.ts",
    "moegen validate my-model.moe.ts --ep 8 --case uniform --seed 7",
    "moegen validate my-model.moe.ts --full-size --tokens 16",
    "moegen validate my-model.moe.ts --jitter 0",
    "moegen validate my-model.moe.ts --mutants",
    "moegen validate my-model.moe.ts --mutants arithmetic",
    "moegen validate my-model.moe.ts --mutants --only wait,barrier --sample 20 --json",
    "moegen validate --matrix",
    "moegen validate --matrix --all --json",
  ],
  configure: (command) =>
    command
      .argument("[spec]", "spec file, *.moe.ts")
      .option("--ep <n>", "devices to simulate (default: the spec's)", positive)
      .option("--tokens <list>", "token counts, all devices together", positiveList)
      .addOption(kindOption())
      .option("--full-size", "the spec as it is, not scaled down: slow")
      .option("--case <list>", "only these cases, by name", (text) => text.split(","))
      .option("--seed <n>", "seed of the random inputs", seed)
      .option("--jitter <seed>", "in orders of devices and copies that a seed decides", seed)
      .option(
        "--orders <n>",
        "with --jitter: seeds from there on (default: 9, every kind)",
        positive,
      )
      .option(
        "--mutants [family]",
        "faults in the kernel instead: is each caught? sync: of its synchronisation; arithmetic; all (default)",
      )
      .option(
        "--only <kinds>",
        `with --mutants: of ${mutantKinds.join(", ")}`,
        wordList(mutantKinds),
      )
      .option("--sample <n>", "with --mutants: so many, the same in every run", positive)
      .option("--mutant <list>", "with --mutants: by id, as a report names them", (text) =>
        text.split(","),
      )
      .option(
        "--matrix",
        "instead of a spec: every two features together, on 1, 2, 4 and 8 devices",
      )
      .option("--all", "with --matrix: on 16 and 32 devices as well")
      .option("--rows <list>", "with --matrix: only these rows, by number", positiveList),
  async run(paths, options, out) {
    const mutants = mutantsOf(paths, options);
    if (options.matrix) return runMatrix(paths, options, out);
    if (paths.length === 0 && !mutants?.specs.length)
      throw new UsageError("a spec file or --matrix is needed");
    if (options.all || options.rows) throw new UsageError("--all and --rows go with --matrix");
    if (!options.mutants && (options.only || options.sample || options.mutant)) {
      throw new UsageError("--only, --sample and --mutant go with --mutants");
    }
    if (options.orders && options.jitter === undefined) {
      throw new UsageError("--orders goes with --jitter");
    }
    const { kind } = options;
    return withSpec(mutants?.specs ?? paths, out, { kind }, (spec) =>
      mutants === undefined
        ? validateOne(spec, options, out)
        : runMutants(spec, options, mutants.families, out),
    );
  },
});

async function validateOne(spec: CheckingSpec, options: Options, out: Output) {
  const { validateSpec } = await import("../../runner/index.ts");
  const report = validationReport(spec.plan.name, out);
  const chosen: ValidateOptions = {
    signal: interrupted,
    specPath: spec.file,
    ...defined({
      kind: spec.kind,
      ep: options.ep,
      tokens: options.tokens,
      cases: options.case,
      seed: options.seed,
      fullSize: options.fullSize,
      jitter: options.jitter,
      orders: options.orders,
    }),
  };
  const result = await validateSpec(spec.loaded, spec.plan, chosen, report.event);
  report.end(result);
  if (result.ok) out.line(`next: moegen compile ${spec.path}`);
  const results = { ...result, diagnostics: spec.diagnostics };
  return decided(result.cases, result.undecided, results);
}
