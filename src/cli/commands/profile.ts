import type { CompileOptions } from "../../runner/types.ts";
import { defined } from "../../spec/defined.ts";
import { decidedKernels, defineCommand } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, withSpec } from "../one-spec.ts";
import { deviceOption, freshOption, kindOption, tokensOption } from "../options.ts";
import type { Output } from "../output.ts";
import { positiveList } from "../parse.ts";

interface Options {
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly rows?: readonly number[];
  readonly trace?: string;
  readonly peer?: readonly string[];
  readonly fresh?: boolean;
  readonly verbose?: boolean;
}

const collect = (path: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  path,
];

/** `moegen profile`: the compiler's cycles by stage, without a TPU. */
export const profile = defineCommand<Options>({
  name: "profile",
  summary: "show the real compiler's cycles by stage and what bounds each, without a TPU",
  examples: [
    "moegen profile my-model.moe.ts",
    "moegen profile my-model.moe.ts --device v6e,v7x --tokens 64,2048 --json",
    "moegen profile my-model.moe.ts --device v6e --tokens 64 --trace call.json",
    "moegen profile my-model.moe.ts --device v6e --rows 16,64 --peer examples/peers/tpu_inference_v1.py",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .addOption(deviceOption("the spec's"))
      .addOption(tokensOption("the largest of each bucket"))
      .option(
        "--rows <list>",
        "rows of one expert instead: token counts that give each expert so many",
        positiveList,
      )
      .addOption(kindOption())
      .option("--trace <file>", "write a timeline that opens in Perfetto (ui.perfetto.dev)")
      .option("--peer <adapter.py>", "profile another Python kernel beside it; may repeat", collect)
      .addOption(freshOption())
      .option("--verbose", "show what the compiler itself prints"),
  async run(paths, options, out) {
    if (options.rows !== undefined && options.tokens !== undefined) {
      throw new UsageError("--rows and --tokens both say how many tokens; give one");
    }
    const { device: devices, kind } = options;
    const alone = options.trace === undefined ? undefined : "--trace";
    const asked = { devices, kind, alone };
    return withSpec(paths, out, asked, (spec) => profileOne(spec, options, out));
  },
});

async function profileOne(spec: CheckingSpec, options: Options, out: Output) {
  const { plan } = spec;
  const { profileSpec } = await import("../../profile/run.ts");
  const { legend, profileReport } = await import("../report/profile.ts");
  const tokens = options.tokens ?? tokensOf(plan.layer, options.rows);
  const cache = await cacheFor(options);
  const chosen: CompileOptions = {
    signal: interrupted,
    ...defined({ devices: options.device, tokens, cache }),
    ...(options.verbose ? { onStderr: (text: string) => process.stderr.write(text) } : {}),
  };
  const report = profileReport(plan.name, out);
  report.start();
  const result = await profileSpec(plan, chosen, (event) => {
    if (event.event === "target-start") out.progress(`  ${event.device} T=${event.tokens} ...`);
  });
  for (const target of result.targets) report.page(target);
  for (const line of legend(out.paint)) out.line(line);
  const { writeTrace } = await import("../profile/trace-file.ts");
  const trace = options.trace === undefined ? null : writeTrace(options.trace, result.targets);
  if (trace !== null) out.line(`timeline: ${trace}, opens in ui.perfetto.dev`);
  const { comparePeers } = await import("../profile/peers.ts");
  const peers = await comparePeers(options.peer ?? [], plan, result.targets, out, chosen);
  const own = result.targets.map(({ target, profile: found }) => {
    return { ok: found !== null, failure: target.failure };
  });
  const kernels = [...own, ...peers.map(({ error }) => ({ ok: error === undefined }))];
  return decidedKernels(kernels, {
    name: result.name,
    targets: result.targets.map(({ target, profile: found, estimate }) => ({
      ...{ device: target.device, tokens: target.tokens, bucket: target.bucket },
      ...{ codeBytes: target.codeBytes, failure: target.failure ?? null },
      ...{ profile: found, estimate },
    })),
    peers,
    trace,
    seconds: result.seconds,
    diagnostics: spec.diagnostics,
  });
}

/** T at which uniform routing gives every expert so many rows. */
function tokensOf(
  { experts, topK }: { readonly experts: number; readonly topK: number },
  rows: readonly number[] | undefined,
): readonly number[] | undefined {
  return rows?.map((count) => {
    const tokens = (count * experts) / topK;
    if (!Number.isInteger(tokens)) {
      throw new UsageError(
        `no token count gives each of ${experts} experts exactly ${count} rows at top-${topK}`,
      );
    }
    return tokens;
  });
}
