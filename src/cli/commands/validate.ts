import type { ValidateOptions } from "../../runner/types.ts";
import { defineCommand, type Outcome, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { positive, positiveList, seed } from "../parse.ts";
import { matrixReport } from "../report/matrix.ts";
import { validationReport } from "../report/validation.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly ep?: number;
  readonly tokens?: readonly number[];
  readonly fullSize?: boolean;
  readonly case?: readonly string[];
  readonly seed?: number;
  readonly matrix?: boolean;
  readonly all?: boolean;
  readonly rows?: readonly number[];
}

/** Options of a spec's validation that the matrix sets itself. */
const OF_ONE_SPEC = ["ep", "tokens", "fullSize", "case"] as const;

/** `moegen validate`: the generated kernel against the float32 reference, on simulated devices. */
export const validate = defineCommand<Options>({
  name: "validate",
  summary: "run the kernel on simulated devices against the float32 reference",
  examples: [
    "moegen validate my-model.moe.ts",
    "moegen validate my-model.moe.ts --ep 8 --case uniform --seed 7",
    "moegen validate my-model.moe.ts --full-size --tokens 16",
    "moegen validate --matrix",
    "moegen validate --matrix --all --json",
  ],
  configure: (command) =>
    command
      .argument("[spec]", "spec file, *.moe.ts")
      .option("--ep <n>", "devices to simulate (default: the spec's)", positive)
      .option("--tokens <list>", "token counts, all devices together", positiveList)
      .option("--full-size", "the spec as it is, not scaled down: slow")
      .option("--case <list>", "only these cases, by name", (text) => text.split(","))
      .option("--seed <n>", "seed of the random inputs", seed)
      .option(
        "--matrix",
        "instead of a spec: every two features together, on 1, 2, 4 and 8 devices",
      )
      .option("--all", "with --matrix: on 16 and 32 devices as well")
      .option("--rows <list>", "with --matrix: only these rows, by number", positiveList),
  async run(paths, options, out) {
    if (options.matrix) return runMatrix(paths, options, out);
    if (paths.length === 0) throw new UsageError("a spec file or --matrix is needed");
    if (options.all || options.rows) throw new UsageError("--all and --rows go with --matrix");
    const checked = await checkSpecs(paths, out);
    const spec = checked.specs[0];
    if (!checked.ok || spec === undefined) {
      return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
    }
    const { validateSpec } = await import("../../runner/index.ts");
    const report = validationReport(spec.plan.name, out);
    const chosen: ValidateOptions = {
      signal: interrupted,
      specPath: spec.path,
      ...(options.ep === undefined ? {} : { ep: options.ep }),
      ...(options.tokens === undefined ? {} : { tokens: options.tokens }),
      ...(options.case === undefined ? {} : { cases: options.case }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.fullSize === undefined ? {} : { fullSize: options.fullSize }),
    };
    const result = await validateSpec(spec.loaded, spec.plan, chosen, report.event);
    report.end(result);
    if (result.ok) out.line(`next: moegen compile ${spec.path}`);
    return verdict(result.ok, { ...result, diagnostics: checked.diagnostics });
  },
});

async function runMatrix(
  paths: readonly string[],
  options: Options,
  out: Output,
): Promise<Outcome> {
  if (paths.length > 0) throw new UsageError("--matrix takes no spec: its rows are specs");
  const extra = OF_ONE_SPEC.find((name) => options[name] !== undefined);
  if (extra !== undefined) throw new UsageError(`--matrix sets ${extra} itself`);
  const { validateMatrix } = await import("../../runner/index.ts");
  const report = matrixReport(out);
  const chosen = {
    signal: interrupted,
    ...(options.all === undefined ? {} : { all: options.all }),
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
  const result = await validateMatrix(chosen, report.event);
  report.end(result);
  return verdict(result.ok, { ...result });
}
