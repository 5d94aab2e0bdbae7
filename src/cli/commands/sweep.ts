import { InvalidArgumentError } from "commander";
import type { DeviceName } from "../../dsl/spec.ts";
import type { SweepOptions } from "../../sweep/run.ts";
import type { TileSets } from "../../sweep/space.ts";
import { deviceNames } from "../../target/device/registry.ts";
import { defineCommand, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { duration, positive, positiveList, seed, wordList } from "../parse.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly device?: readonly DeviceName[];
  readonly tiles?: TileSets;
  readonly bucket?: readonly string[];
  readonly store: string;
  readonly budget?: number;
  readonly jobs?: number;
  readonly timeout?: number;
  readonly seed?: number;
  readonly write?: boolean;
}

const STORE = ".moegen/sweep";
const AXES = ["bt", "bf", "bd"] as const;

/** `bt=16,64`; may repeat. */
function tileSet(text: string, before: TileSets = {}): TileSets {
  const [name, list, ...rest] = text.split("=");
  const axis = AXES.find((known) => known === name);
  if (axis === undefined || list === undefined || rest.length > 0) {
    throw new InvalidArgumentError("It must be bt, bf or bd with values, e.g. bt=16,64.");
  }
  return { ...before, [axis]: positiveList(list) };
}

/** `moegen sweep`: tries tiles by the real compiler, without a TPU. */
export const sweep = defineCommand<Options>({
  name: "sweep",
  summary: "try tile sizes with the real compiler and predict their time, without a TPU",
  examples: [
    "moegen sweep my-model.moe.ts",
    "moegen sweep my-model.moe.ts --tiles bt=64,128 bf=384,768 --device v6e",
    "moegen sweep my-model.moe.ts --budget 10m --store sweeps --write",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts; its choices(...) and auto are what is swept")
      .option(
        "--device <list>",
        `any of ${deviceNames.join(", ")} (default: the spec's)`,
        wordList(deviceNames),
      )
      .option("--tiles <sets...>", "instead of the spec's choices, e.g. bt=16,64 bf=384", tileSet)
      .option("--bucket <list>", "token buckets by name (default: all)", (text) => text.split(","))
      .option("--store <folder>", "where records are kept and looked for", STORE)
      .option("--budget <time>", "begin no candidate after so long, e.g. 10m", duration)
      .option("--jobs <n>", "compiler processes at once (default: one a core)", positive)
      .option("--timeout <time>", "give a candidate up after so long (default: 5m)", duration)
      .option("--seed <n>", "of a sampled search", seed)
      .option("--write", "put the winners into the spec file"),
  async run(paths, options, out) {
    const checked = await checkSpecs(paths, out);
    const spec = checked.specs[0];
    if (!checked.ok || spec === undefined) {
      return outcome(EXIT.failed, { diagnostics: checked.diagnostics });
    }
    const { loaded } = spec;
    const names = Object.keys(loaded.spec.schedule.tiles);
    const unknown = (options.bucket ?? []).filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new UsageError(`no bucket ${unknown.join(", ")}; the spec has ${names.join(", ")}`);
    }
    const [{ Store }, { sweepSpec }, { chooseWinners }, { sweepReport }] = await Promise.all([
      import("../../sweep/store.ts"),
      import("../../sweep/run.ts"),
      import("../../sweep/winners.ts"),
      import("../report/sweep.ts"),
    ]);
    const store = Store.open(options.store, {
      warn: (text) => out.note(`${out.paint.yellow("store:")} ${text}`),
    });
    const chosen: SweepOptions = {
      signal: interrupted,
      tiles: options.tiles ?? {},
      devices: options.device ?? loaded.spec.devices,
      ...(options.bucket === undefined ? {} : { buckets: options.bucket }),
      ...(options.budget === undefined ? {} : { budget: options.budget }),
      ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    };
    const report = sweepReport(loaded.spec.name, options.store, out);
    const result = await sweepSpec(loaded.spec, store, chosen, report.event);
    const choice = chooseWinners(result.records);
    report.end(result, choice);
    const { search, candidates, progress, records, workers, stopped } = result;
    let written: boolean | null = null;
    if (options.write === true) {
      const { writeTiles } = await import("../../sweep/write.ts");
      written = await writeTiles(loaded, choice.winners);
      out.line(written ? `written to ${spec.path}` : `${spec.path} has the winners already`);
    }
    out.line(
      written === true
        ? `next: moegen build ${spec.path}`
        : `next: moegen report ${options.store} -o report.html`,
    );
    const winners = choice.winners.map(({ bucket, tiles, worstRatio }) => ({
      ...{ bucket, tiles, worstRatio },
    }));
    return verdict(choice.winners.length > 0 && choice.without.length === 0, {
      ...{ search, candidates, workers, stopped, progress, winners, written },
      ...{ store: options.store, records, diagnostics: checked.diagnostics },
    });
  },
});
