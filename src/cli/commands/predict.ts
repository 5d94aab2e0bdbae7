import { existsSync } from "node:fs";
import type { Skew } from "../../predict/routing/skew.ts";
import { defined } from "../../spec/defined.ts";
import { spreadText } from "../../spec/mesh.ts";
import { decidedKernels, defineCommand, outcome } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { refuseSpecial } from "../files.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, refuseWrite, withSpec } from "../one-spec.ts";
import { deviceOption, freshOption, kindOption, tokensOption } from "../options.ts";
import type { Output } from "../output.ts";
import {
  able,
  BASELINE,
  choose,
  contendersOf,
  OWN,
  PredictionError,
} from "../predict/contenders.ts";
import { callTimes, type PredictedCalls, staleLine, staleTimes } from "../predict/times.ts";
import { type Predicted, predictionLines, verdictLine, verdictOf } from "../report/prediction.ts";
import { nearestWord } from "../similar.ts";

interface Options {
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly skew: string;
  readonly compare?: readonly string[];
  readonly fresh?: boolean;
  readonly write?: boolean;
}

/** Decode and prefill, where nothing else is asked. */
const TOKENS = [64, 2048];

/** `moegen predict`: time of a call without a device, and which back end is faster. */
export const predict = defineCommand<Options>({
  name: "predict",
  summary: "predict the time of a call without a TPU, and which back end is faster",
  examples: [
    "moegen predict my-model.moe.ts",
    "moegen predict my-model.moe.ts --device v6e,v7x --tokens 64,2048 --skew zipf:1.2",
    "moegen predict my-model.moe.ts --skew routing.json --compare spec sgl-jax-v1 epmoe",
    "moegen predict my-model.moe.ts --compare spec other.moe.ts --json",
    "moegen predict my-model.moe.ts --write",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .addOption(deviceOption("the spec's"))
      .addOption(tokensOption("64 and 2048"))
      .option(
        "--skew <how>",
        "uniform, balanced, zipf:S, hotspot:COUNT[:RATIO], or a file: a JSON array of traffic by " +
          "expert, or a line of expert ids for each token",
        "uniform",
      )
      .option(
        "--compare <what...>",
        `${OWN}, a published schedule (epmoe, sgl-jax-v1, sgl-jax-v2, tpu-inference-gmm, ...) or a ` +
          `spec file (default: ${OWN} ${BASELINE})`,
      )
      .addOption(kindOption())
      .addOption(freshOption())
      .option(
        "--write",
        "predict each bucket at its largest count on each device of the spec, and put the times " +
          "into the spec: `auto` of a tree reads them",
      ),
  async run(paths, options, out) {
    const { device: only, tokens: chosen, compare, write = false } = options;
    if (write && [only, chosen, compare].some((option) => option !== undefined)) {
      throw new UsageError("--write takes no --device, --tokens or --compare: it does all of them");
    }
    const asked = { devices: only, kind: options.kind, undecided: true };
    return withSpec(paths, out, asked, (spec) => predictOne(spec, options, out));
  },
});

async function predictOne(spec: CheckingSpec, options: Options, out: Output) {
  const { device: only, tokens: chosen, compare, write = false } = options;
  const { plan, loaded, members } = spec;
  if (write) refuseWrite(spec);
  const skew = await skewOf(options.skew);
  const { skewName } = await import("../../predict/routing/skew.ts");
  // Of several schedules each is compared: which of them is in the package follows from that.
  const own = members.length === 0 ? [OWN] : members.map((one) => one.name);
  // Published schedules are predicted for experts that a device has whole.
  const baseline = plan.mesh.tp === undefined ? [BASELINE] : [];
  const choices = await choose(compare ?? [...own, ...baseline], plan, out, spec);
  if (choices === undefined) return outcome(EXIT.failed, { diagnostics: spec.diagnostics });
  const { predict: predictTime } = await import("../../predict/predict.ts");
  const kinds = only ?? [...new Set(plan.kernels.map(({ device }) => device))];
  const ends = [...new Set(plan.kernels.map(({ tiles }) => tiles.upTo))].sort((a, b) => a - b);
  const usual = TOKENS.filter((count) => count <= Math.max(...ends));
  const counts = chosen ?? (write || usual.length === 0 ? ends : usual);
  out.line(
    `predict ${out.paint.bold(plan.name)}  ${spreadText(plan.mesh)}, ${skewName(skew)} routing`,
  );
  const cache = await cacheFor(options);
  const compiling = { signal: interrupted, ...defined({ cache }) };
  const calls: PredictedCalls[] = [];
  const failures: PredictionError[] = [];
  for (const device of kinds) {
    for (const count of counts) {
      out.progress(`  ${device} T = ${count}: compiling and simulating ...`);
      try {
        const call = { device, tokens: count, skew };
        const here = await able(choices, plan, call);
        const contenders = await contendersOf(here, plan, call, compiling);
        const predicted = contenders.map(
          ({ name, title, tiles, request, steps }): Predicted => ({
            name,
            title,
            tiles,
            prediction: predictTime(request, steps),
          }),
        );
        const found = verdictOf(predicted);
        out.settle();
        out.line();
        out.line(`${device}, T = ${count}`);
        for (const each of predicted) {
          for (const line of predictionLines(each, out.paint)) out.line(line);
        }
        if (found !== undefined) out.line(verdictLine(found, out.paint));
        calls.push({ device, tokens: count, predicted, verdict: found ?? null });
      } catch (thrown) {
        if (!(thrown instanceof PredictionError)) throw thrown;
        out.settle();
        out.line(out.paint.red(`  ${thrown.message}`));
        failures.push(thrown);
      }
    }
  }
  let written: boolean | null = null;
  if (write && failures.length === 0) {
    const { writePredictions } = await import("../../predict/write.ts");
    written = await writePredictions(loaded, callTimes(plan, members, calls));
    const { path } = loaded;
    out.line(written ? `written to ${path}` : `${path} has these times already`);
    if (written) out.line(`next: moegen build ${path}`);
  } else if (write) out.line(out.paint.red("nothing was written: not all calls are predicted"));
  const stale = written === null ? staleTimes(plan, members, calls) : [];
  for (const one of stale) out.line(out.paint.yellow(staleLine(one, loaded.path)));
  const { diagnostics } = spec;
  const told = failures.map(({ message }) => message);
  const results = { name: plan.name, skew, calls, failures: told, written, stale, diagnostics };
  const kernels = [
    ...calls.map(() => ({ ok: true })),
    ...failures.map(({ kind = "compiler" }) => ({ ok: false, failure: { kind } })),
  ];
  return decidedKernels(kernels, results);
}

const SKEWS = "uniform, balanced, zipf:S, hotspot:COUNT[:RATIO] or a file";

/** @throws UsageError: neither a known word nor a readable routing file. */
async function skewOf(text: string): Promise<Skew> {
  const { parseSkew } = await import("../../predict/routing/skew.ts");
  const known = parseSkew(text);
  if (known !== undefined) return known;
  if (/^(uniform|balanced|zipf|hotspot)\b/.test(text)) {
    throw new UsageError(
      `--skew ${text}: wanted ${SKEWS}` +
        "\n  S is 0 or more, COUNT 1 or more, RATIO above 0 and at most 1",
    );
  }
  // A word with a number behind it is a distribution, unless there is such a file.
  if (/^[A-Za-z]+(:[^/\\]*)?$/.test(text) && !existsSync(text)) {
    const [word = "", ...rest] = text.split(":");
    const near = nearestWord(word, ["uniform", "balanced", "zipf", "hotspot"]);
    throw new UsageError(
      `--skew ${text}: there is no distribution ${word}, and no such file` +
        (near === undefined ? "" : `; did you mean ${[near, ...rest].join(":")}?`) +
        `\n  wanted: ${SKEWS}`,
    );
  }
  refuseSpecial(text, "save the routing to a file and name that");
  const { readRouting } = await import("../../predict/routing/file.ts");
  return readRouting(text);
}
