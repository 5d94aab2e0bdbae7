import type { Devices } from "../../lower/lower.ts";
import type { KindInPackage } from "../../runner/types.ts";
import { defined } from "../../spec/defined.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { memberParts } from "../../spec/member.ts";
import { defineCommand, verdict } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import type { DeviceTimes } from "../explain/crossovers.ts";
import { UsageError } from "../failure.ts";
import { writeAtomically } from "../files.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, withSpec } from "../one-spec.ts";
import { deviceOption, freshOption, kindOption, tokensOption } from "../options.ts";
import type { Output } from "../output.ts";

interface Options {
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly full?: boolean;
  readonly crossovers?: boolean;
  readonly svg?: string;
  readonly fresh?: boolean;
}

/** `moegen explain`: the plan as the page a kernel author would draw on a whiteboard. */
export const explain = defineCommand<Options>({
  name: "explain",
  summary: "show the plan: stages, buffers, copies, VMEM, bytes moved, FLOPs",
  examples: [
    "moegen explain my-model.moe.ts",
    "moegen explain my-model.moe.ts --device v6e --tokens 64,2048",
    "moegen explain my-model.moe.ts --full",
    "moegen explain my-model.moe.ts --crossovers --svg crossovers.svg",
    "moegen explain my-model.moe.ts --json",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .addOption(deviceOption("the spec's first"))
      .addOption(tokensOption("each bucket's largest"))
      .addOption(kindOption())
      .option("--full", "each kernel's axes, stages, buffers, copies and semaphores too")
      .option(
        "--crossovers",
        "time against T instead: every schedule that may take part, EPMoE and the floor, as predicted " +
          "from what the compiler makes of them",
      )
      .option("--svg <file>", "with --crossovers: as a picture, too")
      .addOption(freshOption()),
  async run(paths, options, out) {
    if (options.crossovers === true) return explainCrossovers(paths, options, out);
    if (options.svg !== undefined) throw new UsageError("--svg goes with --crossovers");
    const { device: devices, kind } = options;
    const together = (kinds: readonly CheckingSpec[]) => explainAll(kinds, out);
    const asked = { devices, kind, together };
    return withSpec(paths, out, asked, (spec) => explainOne(spec, options, out));
  },
});

async function explainOne(spec: CheckingSpec, options: Options, out: Output) {
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
  const { layer } = loaded.spec;
  const memory = expertMemory(layer, plan.mesh, layerOrigin(layer)?.layers ?? layersOfKind(spec), {
    schedule: registries.schedules[memberParts(kernels[0]?.schedule ?? plan.schedule).kind],
    devices: await devicesTaking([layer]),
  });
  const full = options.full === true;
  const columns = (out.json ? process.stderr : process.stdout).columns;
  const lines = explainPlan(plan, kernels, memory, out.paint, full);
  for (const line of lines.flatMap((one) => wrap(one, columns))) out.line(line);
  if (!full) {
    out.line();
    out.line(`next: moegen explain ${spec.path} --full: stages, buffers, copies, semaphores`);
  }
  return verdict(true, { plan, memory, kernels, diagnostics: spec.diagnostics });
}

/** How many layers the model has of the kind; undefined: the spec is of one layer. */
function layersOfKind({ kind }: { readonly kind?: KindInPackage | undefined }): number | undefined {
  return kind?.kinds.find((one) => one.kind === kind.kind)?.at.length;
}

/** Devices that multiply the weights of each of the layers. */
async function devicesTaking(layers: readonly LayerSpec[]): Promise<Devices> {
  const { registries, untaken } = await import("../../check/index.ts");
  return Object.fromEntries(
    Object.entries(registries.devices).filter(([, device]) =>
      layers.every((layer) => untaken(layer, device) === undefined),
    ),
  );
}

/** What all layers of a model take of a device's HBM. */
async function explainAll(kinds: readonly CheckingSpec[], out: Output) {
  const { registries } = await import("../../check/index.ts");
  const { modelMemory } = await import("../../lower/hbm.ts");
  const { modelMemoryLines } = await import("../explain/memory.ts");
  const counted = kinds.map(({ plan, loaded, kind }) => ({
    layer: loaded.spec.layer,
    count: layersOfKind({ kind }) ?? 0,
    schedule: registries.schedules[memberParts(plan.kernels[0]?.schedule ?? plan.schedule).kind],
  }));
  const devices = await devicesTaking(counted.map(({ layer }) => layer));
  const memory = modelMemory(counted, kinds[0]?.plan.mesh ?? { ep: 1 }, devices);
  for (const line of ["", ...modelMemoryLines(memory, out.paint)]) out.line(line);
  return { memory };
}

async function explainCrossovers(paths: readonly string[], options: Options, out: Output) {
  if (options.full === true) throw new UsageError("--full and --crossovers show different things");
  const { device: devices, kind } = options;
  const alone = options.svg === undefined ? undefined : "--svg";
  const asked = { devices, kind, alone, undecided: true };
  return withSpec(paths, out, asked, (spec) => crossoversOf(spec, options, out));
}

async function crossoversOf(spec: CheckingSpec, options: Options, out: Output) {
  const { plan } = spec;
  const { crossoverLines, outdated, timesOn, usualCounts } = await import(
    "../explain/crossovers.ts"
  );
  const cache = await cacheFor(options);
  const compiling = { signal: interrupted, ...defined({ cache }) };
  const names = options.device ?? [...new Set(plan.kernels.map(({ device }) => device))];
  const tokens = options.tokens ?? usualCounts(plan);
  const devices: DeviceTimes[] = [];
  let stale = false;
  for (const device of names) {
    const found = await timesOn(device, tokens, spec, compiling, out);
    const lines = outdated(found, plan);
    devices.push(found);
    stale ||= lines.length > 0;
    for (const line of ["", ...crossoverLines(found, spec, lines, out.paint)]) out.line(line);
  }
  if (options.svg !== undefined) {
    const { crossoverChart, svgOf } = await import("../../report/crossover-chart.ts");
    const points = devices.flatMap(({ device, times, epmoe, floor }) =>
      [...times, ...epmoe, ...floor].map(({ name, tokens: at, seconds }) => ({
        ...{ device, tokens: at, what: name, us: seconds * 1e6 },
      })),
    );
    writeAtomically(options.svg, await svgOf(crossoverChart(plan.name, points)));
    out.line(`picture: ${options.svg}`);
  }
  if (spec.members.length > 1 && (spec.undecided || stale)) {
    out.line(`next: moegen predict ${spec.path} --write`);
  }
  const ok = devices.every(({ failures }) => failures.length === 0);
  const { diagnostics } = spec;
  return verdict(ok, { name: plan.name, devices, svg: options.svg ?? null, diagnostics });
}
