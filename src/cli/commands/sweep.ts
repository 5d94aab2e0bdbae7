import { InvalidArgumentError } from "commander";
import type { LoadedSpec } from "../../dsl/load.ts";
import { defined } from "../../spec/defined.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { withRowsOf } from "../../spec/rows.ts";
import type { SweepOptions } from "../../sweep/run.ts";
import type { TileSets } from "../../sweep/space.ts";
import type { Store } from "../../sweep/store.ts";
import type { Winner } from "../../sweep/winners.ts";
import { defineCommand, outcome } from "../command.ts";
import { cacheFor } from "../compile-cache.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import { type CheckingSpec, refuseWrite, withSpec } from "../one-spec.ts";
import { deviceOption, freshOption, kindOption } from "../options.ts";
import type { Output } from "../output.ts";
import { duration, positive, positiveList, seed } from "../parse.ts";
import type { CheckedSpec } from "../specs.ts";
import { droppedByStage } from "../sweep/dropped.ts";
import type { Stages } from "../sweep/stages.ts";

interface Options {
  readonly device?: readonly string[];
  readonly kind?: readonly string[];
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
      .addOption(kindOption())
      .addOption(freshOption())
      .option("--write", "put the winners into the spec file"),
  async run(paths, options, out) {
    const asked = { devices: options.device, kind: options.kind, undecided: true };
    return withSpec(paths, out, asked, (spec) => sweepSpec(spec, options, out));
  },
});

async function sweepSpec(spec: CheckingSpec, options: Options, out: Output) {
  const { loaded } = spec;
  if (options.write === true) refuseWrite(spec);
  const names = Object.keys(loaded.spec.schedule.tiles);
  const unknown = (options.bucket ?? []).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no bucket ${unknown.join(", ")}; the spec has ${names.join(", ")}`);
  }
  const [{ Store }, { Budget }, { withPlace }] = await Promise.all([
    import("../../sweep/store.ts"),
    import("../../sweep/budget.ts"),
    import("../sweep/place.ts"),
  ]);
  const cache = await cacheFor(options);
  const sweep = { ...chosenOf(options, loaded.spec.devices), ...defined({ cache }) };
  const store = Store.open(options.store, {
    warn: (text) => out.note(`${out.paint.yellow("store:")} ${text}`),
  });
  const budget = new Budget(options.budget, interrupted);
  const subjects = subjectsOf(spec, sweep.buckets);
  const wanted = { ...options, ep: devicesOf(loaded.spec.mesh), swept: sweep.devices };
  // A host that cannot measure is said before an hour of compiling, not after.
  const swept = await withPlace(wanted, out, async (place) => {
    await refuseNothing(subjects, sweep);
    const { crew, clock } = place;
    const stages = { sweep: { ...sweep, ...defined({ crew }) }, budget, clock };
    const done: Swept[] = [];
    for (const subject of subjects) {
      done.push(await sweepOne(subject, store, { ...stages, options }, out));
    }
    return done;
  });
  const written = await writeWinners(spec, swept, options, out);
  out.line(nextLine(spec, written, options.store));
  const found = swept.every(({ found: every }) => every);
  const missed = swept.some(({ stopped }) => stopped) ? EXIT.undecided : EXIT.failed;
  const all = swept.map(({ json }) => json);
  const common = { written, store: options.store, diagnostics: spec.diagnostics };
  const [only = {}] = all;
  const results =
    spec.members.length === 0 ? { ...only, ...common } : { schedules: all, ...common };
  return outcome(found ? EXIT.ok : missed, results);
}

/** What is swept as one: the spec, or one of its schedules. */
interface SweptSubject {
  readonly loaded: LoadedSpec;
  /** Of several: its kind. */
  readonly schedule?: string;
  /** Absent: those that are asked for. */
  readonly buckets?: readonly string[];
}

/** Each schedule of several, in the buckets where it has tiles that fit. */
function subjectsOf(
  { loaded, members, plan: only }: CheckedSpec,
  asked: readonly string[] | undefined,
): readonly SweptSubject[] {
  if (members.length === 0)
    return [{ loaded: { ...loaded, spec: withRowsOf(loaded.spec, only.kernels[0]?.tiles.rows) } }];
  return members.map(({ name: member, spec, plan }) => {
    const buckets = [...new Set(plan.kernels.map(({ bucket }) => bucket))];
    return {
      loaded: { ...loaded, spec: withRowsOf(spec, plan.kernels[0]?.tiles.rows) },
      schedule: member,
      buckets: buckets.filter((name) => asked === undefined || asked.includes(name)),
    };
  });
}

interface Swept {
  readonly schedule: string | undefined;
  readonly winners: readonly Winner[];
  /** Every bucket has a winner that was measured as it was asked for. */
  readonly found: boolean;
  readonly stopped: boolean;
  /** Why the finalists were not timed; null: they were, or nobody asked. */
  readonly lost: string | null;
  readonly json: Readonly<Record<string, unknown>>;
}

async function sweepOne(
  { loaded, schedule, buckets }: SweptSubject,
  store: Store,
  { options, ...stages }: Omit<Stages, "validate"> & { readonly options: Options },
  out: Output,
): Promise<Swept> {
  const [{ chooseWinners }, { sweepReport }, { runStages }] = await Promise.all([
    import("../../sweep/winners.ts"),
    import("../report/sweep.ts"),
    import("../sweep/stages.ts"),
  ]);
  const { name } = loaded.spec;
  const title = schedule === undefined ? name : `${name}, ${schedule} schedule`;
  const report = sweepReport(title, options.store, out);
  const chosen = { buckets: buckets ?? stages.sweep.buckets };
  const sweep = { ...stages.sweep, ...defined(chosen), label: title };
  const validate = options.validate === true;
  const result = await runStages(loaded, store, { ...stages, sweep, validate }, report).catch(
    (error: unknown) => {
      if (interrupted.aborted) report.interrupted();
      throw error;
    },
  );
  const choice = chooseWinners(result.eligible);
  report.end(result, choice);
  const { lost, stopped, search, candidates, progress, records, passed } = result;
  const { workers, left, unproved, pruned } = result;
  const winners = choice.winners.map(({ bucket, tiles, worstRatio }) => ({
    ...{ bucket, tiles, worstRatio },
  }));
  const found = lost === null && choice.winners.length > 0 && choice.without.length === 0;
  const json = {
    ...defined({ schedule }),
    ...{ search, candidates, workers, stopped, unreached: { candidates: left, unproved } },
    ...{ progress, dropped: droppedByStage(records), winners, lost, records, passed, pruned },
  };
  return { schedule, winners: choice.winners, found, stopped, lost, json };
}

/** Puts the winners into the spec where that is asked for; null: it is not, or none were found or timed. */
async function writeWinners(
  { loaded, path }: CheckedSpec,
  swept: readonly Swept[],
  options: Options,
  out: Output,
): Promise<boolean | null> {
  const lost = swept.find((one) => one.lost !== null)?.lost ?? null;
  if (lost !== null) {
    out.line(out.paint.red(`ranked by prediction alone: the finalists were not timed: ${lost}`));
    return null;
  }
  if (options.write !== true) return null;
  const { writeTiles } = await import("../../sweep/write.ts");
  const winners = swept.flatMap((one) =>
    one.winners.map((winner) => ({ ...winner, ...defined({ schedule: one.schedule }) })),
  );
  const written = winners.length === 0 ? null : await writeTiles(loaded, winners);
  const told = written ? `written to ${path}` : `${path} has the winners already`;
  out.line(written === null ? `nothing was found: ${path} stays as it is` : told);
  return written;
}

/** Of several schedules the times that decide were predicted for other tiles. */
function nextLine({ path, members }: CheckedSpec, written: boolean | null, store: string): string {
  if (written !== true) return `next: moegen report ${store} -o report.html`;
  return members.length === 0
    ? `next: moegen build ${path}`
    : `next: moegen predict ${path} --write`;
}

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
  subjects: readonly SweptSubject[],
  sweep: Pick<SweepOptions, "tiles" | "devices" | "neighbours" | "buckets">,
): Promise<void> {
  const [{ nothingToChoose }, { scheduleOf }] = await Promise.all([
    import("../../sweep/space.ts"),
    import("../../schedule/registry.ts"),
  ]);
  const settled = subjects.every(({ loaded: { spec }, buckets }) => {
    const options = { ...sweep, ...defined({ buckets: buckets ?? sweep.buckets }) };
    return nothingToChoose(spec, scheduleOf(spec.schedule.kind), options);
  });
  const name = subjects[0]?.loaded.spec.name;
  if (!settled) return;
  throw new UsageError(
    `nothing to choose: each bucket of ${name} has one set of tiles. ` +
      "--neighbours sweeps the legal tiles next to them too, --tiles bt=64,128 those that it names, " +
      "and choices(...) or auto in the spec what they say",
  );
}
