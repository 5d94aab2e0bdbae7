import { InvalidArgumentError } from "commander";
import { defined } from "../../spec/defined.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { SweepRecord } from "../../sweep/record.ts";
import type { SweepOptions } from "../../sweep/run.ts";
import type { TileSets } from "../../sweep/space.ts";
import { defineCommand, outcome } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { deviceOption, freshOption } from "../options.ts";
import { duration, positive, positiveList, seed } from "../parse.ts";
import { checkSpec } from "../specs.ts";

interface Options {
  readonly device?: readonly string[];
  readonly tiles?: TileSets;
  readonly bucket?: readonly string[];
  readonly store: string;
  readonly neighbours?: boolean;
  readonly budget?: number;
  readonly jobs?: number;
  readonly timeout?: number;
  readonly seed?: number;
  readonly write?: boolean;
  readonly validate?: boolean;
  readonly on?: string;
  readonly python?: string;
  readonly fresh?: boolean;
  readonly exhaustive?: boolean;
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
    "moegen sweep my-model.moe.ts --neighbours",
    "moegen sweep my-model.moe.ts --tiles bt=64,128 bf=384,768 --device v6e --exhaustive",
    "moegen sweep my-model.moe.ts --validate --budget 10m --store sweeps --write",
    "moegen sweep my-model.moe.ts --on ssh:tpu-vm --python venv/bin/python --device v6e",
    "moegen sweep my-model.moe.ts --on ray:10.0.0.2:6379 --store /shared/sweeps",
  ],
  configure: (command) =>
    command
      .argument("<spec>", "spec file, *.moe.ts; its choices(...) and auto are what is swept")
      .addOption(deviceOption("the spec's"))
      .option("--tiles <sets...>", "instead of the spec's choices, e.g. bt=16,64 bf=384", tileSet)
      .option("--bucket <list>", "token buckets by name (default: all)", (text) => text.split(","))
      .option("--store <folder>", "where records are kept and looked for", STORE)
      .option("--neighbours", "besides the spec's tiles, the legal ones next to them")
      .option(
        "--exhaustive",
        "compile every candidate, those too whose time follows from others' bundles",
      )
      .option(
        "--budget <time>",
        "end after so long, validation included, and say what was not reached, e.g. 10m",
        duration,
      )
      .option(
        "--jobs <n>",
        "compiler processes at once (default: one a core, of a cluster all its nodes')",
        positive,
      )
      .option(
        "--timeout <time>",
        "give a candidate up after so much processor time (default: 10m; a case: 5m)",
        duration,
      )
      .option("--seed <n>", "of a sampled search", seed)
      .option("--validate", "run what compiles on simulated devices too, scaled as validate does")
      .option(
        "--on <where>",
        "time the finalists in turns on a TPU: local or ssh:HOST; or do it all on a Ray cluster: " +
          "ray or ray:ADDRESS",
      )
      .option("--python <path>", "with --on: Python with JAX on that host")
      .addOption(freshOption())
      .option("--write", "put the winners into the spec file"),
  async run(paths, options, out) {
    const spec = await checkSpec(paths, out, options.device);
    if ("exit" in spec) return spec;
    const { loaded } = spec;
    const names = Object.keys(loaded.spec.schedule.tiles);
    const unknown = (options.bucket ?? []).filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new UsageError(`no bucket ${unknown.join(", ")}; the spec has ${names.join(", ")}`);
    }
    const [{ Store }, { chooseWinners }, { sweepReport }, { runStages }] = await Promise.all([
      import("../../sweep/store.ts"),
      import("../../sweep/winners.ts"),
      import("../report/sweep.ts"),
      import("../sweep/stages.ts"),
    ]);
    const cache = await cacheFor(options);
    const sweep = { ...chosenOf(options, loaded.spec.devices), ...defined({ cache }) };
    const store = Store.open(options.store, {
      warn: (text) => out.note(`${out.paint.yellow("store:")} ${text}`),
    });
    const { Budget } = await import("../../sweep/budget.ts");
    const budget = new Budget(options.budget, interrupted);
    const report = sweepReport(loaded.spec.name, options.store, out);
    const validate = options.validate === true;
    const { withPlace } = await import("../sweep/place.ts");
    const wanted = { ...options, ep: loaded.spec.mesh.ep, swept: sweep.devices };
    // A host that cannot measure is said before an hour of compiling, not after.
    const result = await withPlace(wanted, out, async (place) => {
      await refuseNothing(loaded.spec, sweep);
      const { crew, clock } = place;
      const stages = { sweep: { ...sweep, ...defined({ crew }) }, budget, validate, clock };
      return runStages(loaded, store, stages, report);
    }).catch((error: unknown) => {
      if (interrupted.aborted) report.interrupted();
      throw error;
    });
    const choice = chooseWinners(result.eligible);
    report.end(result, choice);
    const { lost, stopped } = result;
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
    const { search, candidates, progress, records, passed, workers, left, unproved, pruned } =
      result;
    const winners = choice.winners.map(({ bucket, tiles, worstRatio }) => ({
      ...{ bucket, tiles, worstRatio },
    }));
    const found = lost === null && choice.winners.length > 0 && choice.without.length === 0;
    const missed = stopped ? EXIT.undecided : EXIT.failed;
    return outcome(found ? EXIT.ok : missed, {
      ...{ search, candidates, workers, stopped, unreached: { candidates: left, unproved } },
      ...{ progress, dropped: droppedByStage(records), winners, written, lost },
      ...{ store: options.store, records, passed, pruned, diagnostics: spec.diagnostics },
    });
  },
});

function chosenOf(options: Options, devices: readonly string[]): Omit<SweepOptions, "budget"> {
  return {
    signal: interrupted,
    tiles: options.tiles ?? {},
    devices: options.device ?? devices,
    neighbours: options.neighbours === true,
    exhaustive: options.exhaustive === true,
    ...defined({
      buckets: options.bucket,
      jobs: options.jobs,
      timeout: options.timeout,
      seed: options.seed,
    }),
  };
}

/** @throws UsageError: every bucket has one set of tiles. */
async function refuseNothing(
  spec: MoeSpec,
  sweep: Pick<SweepOptions, "tiles" | "devices" | "neighbours" | "buckets">,
): Promise<void> {
  const [{ nothingToChoose }, { scheduleOf }] = await Promise.all([
    import("../../sweep/space.ts"),
    import("../../schedule/registry.ts"),
  ]);
  if (!nothingToChoose(spec, scheduleOf(spec.schedule.kind), sweep)) return;
  throw new UsageError(
    `nothing to choose: each bucket of ${spec.name} has one set of tiles. ` +
      "--neighbours sweeps the legal tiles next to them too, --tiles bt=64,128 those that it names, " +
      "and choices(...) or auto in the spec what they say",
  );
}

function droppedByStage(records: readonly SweepRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const record of records) {
    if (record.status === "dropped") counts[record.stage] = (counts[record.stage] ?? 0) + 1;
  }
  return counts;
}
