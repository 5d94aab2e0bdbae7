import type { DeviceName } from "../../dsl/spec.ts";
import type { Skew } from "../../predict/routing/skew.ts";
import { deviceNames } from "../../target/device/registry.ts";
import { defineCommand, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { positiveList, wordList } from "../parse.ts";
import { BASELINE, choose, contendersOf, OWN, PredictionError } from "../predict/contenders.ts";
import { type Predicted, predictionLines, verdictLine, verdictOf } from "../report/prediction.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly device?: readonly DeviceName[];
  readonly tokens?: readonly number[];
  readonly skew: string;
  readonly compare?: readonly string[];
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
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts")
      .option(
        "--device <list>",
        `any of ${deviceNames.join(", ")} (default: the spec's)`,
        wordList(deviceNames),
      )
      .option(
        "--tokens <list>",
        "token counts, all devices together (default: 64 and 2048)",
        positiveList,
      )
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
      ),
  async run(paths, options, out) {
    const checked = await checkSpecs(paths, out);
    const plan = checked.specs[0]?.plan;
    if (!checked.ok || plan === undefined) {
      return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
    }
    const skew = await skewOf(options.skew);
    const { skewName } = await import("../../predict/routing/skew.ts");
    const choices = await choose(options.compare ?? [OWN, BASELINE], plan, out);
    if (choices === undefined) return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
    const { predict: predictTime } = await import("../../predict/predict.ts");
    const kinds = options.device ?? [...new Set(plan.kernels.map(({ device }) => device))];
    const largest = Math.max(...plan.kernels.map(({ tiles }) => tiles.upTo));
    const tokens = options.tokens ?? TOKENS.filter((count) => count <= largest);
    const counts = tokens.length > 0 ? tokens : [largest];
    out.line(`predict ${out.paint.bold(plan.name)}  ep ${plan.mesh.ep}, ${skewName(skew)} routing`);
    const calls: object[] = [];
    const failures: string[] = [];
    for (const device of kinds) {
      for (const count of counts) {
        out.progress(`  ${device} T = ${count}: compiling and simulating ...`);
        try {
          const call = { device, tokens: count, skew };
          const contenders = await contendersOf(choices, plan, call, { signal: interrupted });
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
          failures.push(thrown.message);
        }
      }
    }
    const results = { name: plan.name, skew, calls, failures, diagnostics: checked.diagnostics };
    return verdict(failures.length === 0, results);
  },
});

/** @throws UsageError: neither a known word nor a readable routing file. */
async function skewOf(text: string): Promise<Skew> {
  const { parseSkew } = await import("../../predict/routing/skew.ts");
  const known = parseSkew(text);
  if (known !== undefined) return known;
  if (/^(uniform|balanced|zipf|hotspot)\b/.test(text)) {
    throw new UsageError(
      `--skew ${text}: wanted uniform, balanced, zipf:S, hotspot:COUNT[:RATIO] or a file`,
    );
  }
  const { readRouting } = await import("../../predict/routing/file.ts");
  return readRouting(text);
}
