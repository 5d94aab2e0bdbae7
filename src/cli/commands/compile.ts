import type { CompileOptions } from "../../runner/types.ts";
import { defined } from "../../spec/defined.ts";
import { decidedKernels, defineCommand } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, withSpec } from "../one-spec.ts";
import { deviceOption, freshOption, kindOption, tokensOption } from "../options.ts";
import type { Output } from "../output.ts";
import { compilationReport } from "../report/compilation.ts";

interface Options {
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly fresh?: boolean;
  readonly verbose?: boolean;
}

/** `moegen compile`: the real TPU compiler at full size, ahead of time, without a TPU. */
export const compile = defineCommand<Options>({
  name: "compile",
  summary: "compile at full size with the real TPU compiler",
  examples: [
    "moegen compile my-model.moe.ts",
    "moegen compile my-model.moe.ts --device v6e,v7x --tokens 64,2048",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .addOption(deviceOption("the spec's"))
      .addOption(tokensOption("the largest of each bucket"))
      .addOption(kindOption())
      .addOption(freshOption())
      .option("--verbose", "show what the compiler itself prints"),
  async run(paths, options, out) {
    const { device: devices, kind } = options;
    return withSpec(paths, out, { devices, kind }, (spec) => compileOne(spec, options, out));
  },
});

async function compileOne(spec: CheckingSpec, options: Options, out: Output) {
  const { compileSpec } = await import("../../runner/index.ts");
  const cache = await cacheFor(options);
  const report = compilationReport(spec.plan.name, out);
  const chosen: CompileOptions = {
    signal: interrupted,
    ...defined({ devices: options.device, tokens: options.tokens, cache }),
    ...(options.verbose ? { onStderr: (text: string) => process.stderr.write(text) } : {}),
  };
  const result = await compileSpec(spec.plan, chosen, report.event);
  report.end(result);
  if (result.ok) out.line(`next: moegen explain ${spec.path}`);
  const kernels = result.targets.map(({ fits, failure }) => ({ ok: fits, failure }));
  return decidedKernels(kernels, { ...result, diagnostics: spec.diagnostics });
}
