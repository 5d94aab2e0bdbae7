import { InvalidArgumentError } from "commander";
import type { ClockOptions } from "../../sweep/clock.ts";
import type { SweepRecord } from "../../sweep/record.ts";
import type { SweepOptions } from "../../sweep/run.ts";
import type { TileSets } from "../../sweep/space.ts";
import { defineCommand, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { failureOf, UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { deviceOption } from "../options.ts";
import { duration, positive, positiveList, seed } from "../parse.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly device?: readonly string[];
  readonly tiles?: TileSets;
  readonly bucket?: readonly string[];
  readonly store: string;
  readonly budget?: number;
  readonly jobs?: number;
  readonly timeout?: number;
  readonly seed?: number;
  readonly write?: boolean;
  readonly validate?: boolean;
  readonly on?: string;
  readonly python?: string;
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
    "moegen sweep my-model.moe.ts --validate --budget 10m --store sweeps --write",
    "moegen sweep my-model.moe.ts --on ssh:tpu-vm --python venv/bin/python --device v6e",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts; its choices(...) and auto are what is swept")
      .addOption(deviceOption("the spec's"))
      .option("--tiles <sets...>", "instead of the spec's choices, e.g. bt=16,64 bf=384", tileSet)
      .option("--bucket <list>", "token buckets by name (default: all)", (text) => text.split(","))
      .option("--store <folder>", "where records are kept and looked for", STORE)
      .option("--budget <time>", "begin no candidate after so long, e.g. 10m", duration)
      .option("--jobs <n>", "compiler processes at once (default: one a core)", positive)
      .option(
        "--timeout <time>",
        "give a candidate up after so much processor time (default: 10m; a case: 5m)",
        duration,
      )
      .option("--seed <n>", "of a sampled search", seed)
      .option("--validate", "run what compiles on simulated devices too, scaled as validate does")
      .option("--on <host>", "time the finalists in turns on a TPU: local or ssh:HOST")
      .option("--python <path>", "with --on: Python with JAX on that host")
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
    // A host that cannot measure is said before an hour of compiling, not after.
    const clock = await clockOf(options, chosen.devices);
    const report = sweepReport(loaded.spec.name, options.store, out);
    const swept = await sweepSpec(loaded.spec, store, chosen, report.event);
    let found = swept.records;
    if (options.validate === true) {
      const { proveSurvivors } = await import("../../sweep/prove.ts");
      const limits = {
        signal: interrupted,
        ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      };
      found = await proveSurvivors(loaded, store, found, limits, report.proved);
    }
    let lost: string | null = null;
    if (clock !== undefined) {
      const { timeFinalists } = await import("../../sweep/clock.ts");
      try {
        found = await timeFinalists(
          loaded,
          store,
          found,
          clock.device,
          clock.options,
          report.timed,
        );
      } catch (error) {
        interrupted.throwIfAborted();
        // What was compiled is told and stored all the same.
        lost = failureOf(error).message;
      }
    }
    const result = { ...swept, records: found };
    const choice = chooseWinners(result.records);
    report.end(result, choice);
    const { search, candidates, progress, records, workers, stopped } = result;
    const dropped = droppedByStage(records);
    let written: boolean | null = null;
    if (lost !== null) {
      out.line(out.paint.red(`ranked by prediction alone: the finalists were not timed: ${lost}`));
    } else if (options.write === true) {
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
    return verdict(lost === null && choice.winners.length > 0 && choice.without.length === 0, {
      ...{ search, candidates, workers, stopped, progress, dropped, winners, written, lost },
      ...{ store: options.store, records, diagnostics: checked.diagnostics },
    });
  },
});

/** Calls of each finalist on the host. */
const REPETITIONS = { warmup: 3, repetitions: 20 };

async function clockOf({ on, python }: Options, swept: readonly string[]) {
  if (on === undefined) {
    if (python !== undefined) throw new UsageError("--python goes with --on");
    return undefined;
  }
  const [{ parseHost }, { kindOfHost }] = await Promise.all([
    import("../../runner/index.ts"),
    import("../../sweep/clock.ts"),
  ]);
  const options: ClockOptions = {
    ...{ host: parseHost(on), backend: "tpu", signal: interrupted, ...REPETITIONS },
    ...(python === undefined ? {} : { python }),
  };
  return { options, device: await kindOfHost(options, swept) };
}

function droppedByStage(records: readonly SweepRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const record of records) {
    if (record.status === "dropped") counts[record.stage] = (counts[record.stage] ?? 0) + 1;
  }
  return counts;
}
