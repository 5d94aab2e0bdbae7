import type { ValidateOptions } from "../../runner/types.ts";
import { defineCommand, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { interrupted } from "../interrupt.ts";
import { positive, positiveList, seed } from "../parse.ts";
import { validationReport } from "../report/validation.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly ep?: number;
  readonly tokens?: readonly number[];
  readonly fullSize?: boolean;
  readonly case?: readonly string[];
  readonly seed?: number;
}

/** `moegen validate`: the generated kernel against the float32 reference, on simulated devices. */
export const validate = defineCommand<Options>({
  name: "validate",
  summary: "run the kernel on simulated devices against the float32 reference",
  examples: [
    "moegen validate my-model.moe.ts",
    "moegen validate my-model.moe.ts --ep 8 --case uniform --seed 7",
    "moegen validate my-model.moe.ts --full-size --tokens 16",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .option("--ep <n>", "devices to simulate (default: the spec's)", positive)
      .option("--tokens <list>", "token counts, all devices together", positiveList)
      .option("--full-size", "the spec as it is, not scaled down: slow")
      .option("--case <list>", "only these cases, by name", (text) => text.split(","))
      .option("--seed <n>", "seed of the random inputs", seed),
  async run(paths, options, out) {
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
