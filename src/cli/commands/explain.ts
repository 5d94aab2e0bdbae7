import { defineCommand, verdict } from "../command.ts";
import { UsageError } from "../failure.ts";
import { deviceOption, tokensOption } from "../options.ts";
import { checkSpec } from "../specs.ts";

interface Options {
  readonly device?: readonly string[];
  readonly tokens?: readonly number[];
  readonly full?: boolean;
}

/** `moegen explain`: the plan as the page a kernel author would draw on a whiteboard. */
export const explain = defineCommand<Options>({
  name: "explain",
  summary: "show the plan: stages, buffers, copies, VMEM, bytes moved, FLOPs",
  examples: [
    "moegen explain my-model.moe.ts",
    "moegen explain my-model.moe.ts --device v6e --tokens 64,2048",
    "moegen explain my-model.moe.ts --full",
    "moegen explain my-model.moe.ts --json",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .addOption(deviceOption("the spec's first"))
      .addOption(tokensOption("each bucket's largest"))
      .option("--full", "each kernel's axes, stages, buffers, copies and semaphores too"),
  async run(paths, options, out) {
    const spec = await checkSpec(paths, out, options.device);
    if ("exit" in spec) return spec;
    const { plan, loaded } = spec;
    const { registries } = await import("../../check/index.ts");
    const { lowerFor } = await import("../../lower/lower.ts");
    const { expertMemory } = await import("../../lower/hbm.ts");
    const { layerOrigin } = await import("../../dsl/brand.ts");
    const { explainPlan } = await import("../explain/page.ts");
    const { wrap } = await import("../explain/wrap.ts");
    const names = options.device ?? plan.kernels.slice(0, 1).map(({ device }) => device);
    const tokens = options.tokens ?? [...new Set(plan.kernels.map(({ tiles }) => tiles.upTo))];
    const kernels = names.flatMap((device) =>
      tokens.map((count) => {
        try {
          return lowerFor(plan, { device, tokens: count }, registries);
        } catch (thrown) {
          if (thrown instanceof RangeError) throw new UsageError(thrown.message);
          throw thrown;
        }
      }),
    );
    const memory = expertMemory(
      loaded.spec.layer,
      plan.mesh.ep,
      layerOrigin(loaded.spec.layer)?.layers,
      {
        schedule: registries.schedules[plan.schedule],
        devices: registries.devices,
      },
    );
    const full = options.full === true;
    const columns = (out.json ? process.stderr : process.stdout).columns;
    const lines = explainPlan(plan, kernels, memory, out.paint, full);
    for (const line of lines.flatMap((one) => wrap(one, columns))) out.line(line);
    if (!full) {
      out.line();
      out.line(`next: moegen explain ${spec.path} --full: stages, buffers, copies, semaphores`);
    }
    return verdict(true, { plan, memory, kernels, diagnostics: spec.diagnostics });
  },
});
