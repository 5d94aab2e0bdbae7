import type { TimeOptions } from "../../runner/time.ts";
import { defined } from "../../spec/defined.ts";
import { deviceNames } from "../../target/device/registry.ts";
import { defineCommand, verdict } from "../command.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, withSpec } from "../one-spec.ts";
import { kindOption, tokensOption } from "../options.ts";
import type { Output } from "../output.ts";
import { duration, positive, seed, wordList } from "../parse.ts";

interface Options {
  readonly on: string;
  readonly python?: string;
  readonly backend: readonly ["tpu" | "cpu"];
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly warmup: number;
  readonly repetitions: number;
  readonly seed?: number;
  readonly timeout?: number;
}

/** `moegen time`: device time of calls on a TPU host; refuses where there is none. */
export const time = defineCommand<Options>({
  name: "time",
  summary: "measure the device time of a call on a TPU, here or over ssh",
  examples: [
    "moegen time my-model.moe.ts",
    "moegen time my-model.moe.ts --on ssh:user@tpu-vm --python venv/bin/python --tokens 64,2048",
    "moegen time my-model.moe.ts --on ssh:tpu-vm --device v6e --repetitions 50 --json",
    "moegen time my-model.moe.ts --on ssh:build-box --backend cpu   # tries the way there, no TPU",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .option("--on <host>", "local, or ssh:HOST as ssh knows it", "local")
      .option("--python <path>", "Python with JAX on that host (default there: python3)")
      .option(
        "--backend <name>",
        "tpu, or cpu: a scaled kernel, interpreted; its wall time says nothing of a TPU",
        wordList(["tpu", "cpu"]),
        ["tpu"],
      )
      .option(
        "--device <kind>",
        `the host must have it: one of ${deviceNames.join(", ")} (default: any)`,
        wordList(deviceNames),
      )
      .addOption(tokensOption("the largest of each bucket"))
      .addOption(kindOption())
      .option("--warmup <n>", "calls before the measured ones", positive, 3)
      .option("--repetitions <n>", "measured calls", positive, 20)
      .option("--seed <n>", "seed of the random inputs", seed)
      .option("--timeout <time>", "give up after so long without a sign of life", duration),
  async run(paths, options, out) {
    const { parseHost } = await import("../../runner/index.ts");
    const host = parseHost(options.on);
    const [backend] = options.backend;
    if (options.backend.length > 1 || (options.device?.length ?? 1) > 1) {
      throw new UsageError("one --backend and one --device at a time: a host has one kind");
    }
    const device = options.device?.[0];
    if (backend === "cpu" && device !== undefined) {
      throw new UsageError(`--device ${device} is a TPU: it does not go with --backend cpu`);
    }
    const of = { host, backend, ...defined({ device }) };
    const { device: devices, kind } = options;
    return withSpec(paths, out, { devices, kind }, (spec) => timeOne(spec, of, options, out));
  },
});

async function timeOne(
  spec: CheckingSpec,
  { host, backend, device }: Pick<TimeOptions, "host" | "backend" | "device">,
  options: Options,
  out: Output,
) {
  const { timeSpec } = await import("../../runner/index.ts");
  const { timeReport } = await import("../report/time.ts");
  const report = timeReport(spec.plan.name, out);
  const chosen: TimeOptions = {
    ...{ signal: interrupted, host, backend },
    ...{ warmup: options.warmup, repetitions: options.repetitions },
    ...defined({
      python: options.python,
      device,
      tokens: options.tokens,
      seed: options.seed,
      timeout: options.timeout,
    }),
  };
  const result = await timeSpec(spec.loaded, spec.plan, chosen, report.event);
  report.end(result);
  return verdict(result.ok, { ...result, diagnostics: spec.diagnostics });
}
