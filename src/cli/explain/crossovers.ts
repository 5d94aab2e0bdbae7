/** `explain --crossovers`: time against T of each schedule, the floor, and where the fastest changes. */
import type { Member } from "../../check/index.ts";
import { kernelFor } from "../../lower/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import {
  type Crossover,
  countsIn,
  crossoversOf,
  fastestAt,
  type TimeAt,
} from "../../predict/crossovers.ts";
import type { CompileOptions } from "../../runner/types.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { count, table } from "../format.ts";
import type { Output, Paint } from "../output.ts";
import {
  able,
  BASELINE,
  type Choice,
  contendersOf,
  PredictionError,
} from "../predict/contenders.ts";
import { micros } from "../report/prediction.ts";
import type { CheckedSpec } from "../specs.ts";
import { plot } from "./plot.ts";

/** Of one kind of device. */
export interface DeviceTimes {
  readonly device: string;
  /** By schedule. */
  readonly times: readonly TimeAt[];
  /** Of sgl-jax's EPMoE. */
  readonly epmoe: readonly TimeAt[];
  /** The least that any kernel takes. */
  readonly floor: readonly TimeAt[];
  readonly crossovers: readonly Crossover[];
  /** What could not be predicted, and why. */
  readonly failures: readonly string[];
}

/** Counts beside the buckets' largest: powers of 2 from there. */
const LEAST_TOKENS = 16;

/** Each bucket's largest T, and powers of 2 below. */
export function usualCounts({ kernels, mesh }: Plan): readonly number[] {
  const ends = kernels.map(({ tiles }) => tiles.upTo);
  const most = Math.max(...ends);
  const powers = Array.from({ length: 24 }, (_, power) => 2 ** power).filter(
    (value) => value >= Math.max(LEAST_TOKENS, devicesOf(mesh)) && value < most,
  );
  return [...new Set([...powers, ...ends])].sort((a, b) => a - b);
}

/** What is compared: each schedule that may take part, or the one there is. */
function choicesOf(plan: Plan, members: readonly Member[]): readonly Choice[] {
  const own = members.map(
    ({ name, plan: of }): Choice => ({ kind: "own", plan: of, schedule: name }),
  );
  const only: Choice = { kind: "own", plan, schedule: plan.schedule };
  return [...(own.length === 0 ? [only] : own), { kind: "published", name: BASELINE }];
}

/**
 * Compiles and predicts every schedule at every T on a device, uniform routing. What cannot be predicted
 * is told in `failures`. Throws EnvironmentError without Python, and where the user interrupts.
 */
export async function timesOn(
  device: string,
  tokens: readonly number[],
  { plan, members }: Pick<CheckedSpec, "plan" | "members">,
  options: CompileOptions,
  out: Output,
): Promise<DeviceTimes> {
  const { predict } = await import("../../predict/predict.ts");
  const times: TimeAt[] = [];
  const epmoe: TimeAt[] = [];
  const floor: TimeAt[] = [];
  const failures: string[] = [];
  for (const at of tokens) {
    const call = { device, tokens: at, skew: { kind: "uniform" } } as const;
    for (const choice of await able(choicesOf(plan, members), plan, call)) {
      out.progress(`  ${device} T = ${at}: compiling and simulating ...`);
      try {
        const contenders = await contendersOf([choice], plan, call, options);
        for (const { name, request, steps } of contenders) {
          const { seconds, floor: least } = predict(request, steps);
          (name === BASELINE ? epmoe : times).push({ name, tokens: at, seconds });
          if (name === BASELINE) floor.push({ name: "floor", tokens: at, seconds: least.seconds });
        }
      } catch (thrown) {
        if (!(thrown instanceof PredictionError)) throw thrown;
        failures.push(thrown.message);
      }
    }
  }
  out.settle();
  return { device, times, epmoe, floor, crossovers: crossoversOf(times), failures };
}

const MARKS = ["●", "◆", "▲", "■", "★"];

/** The page of one device: a table, the lines, what changes where, and `stale`, what `outdated` says. */
export function crossoverLines(
  found: DeviceTimes,
  { plan, undecided }: Pick<CheckedSpec, "plan" | "undecided">,
  stale: readonly string[],
  paint: Paint,
): readonly string[] {
  const { device, times, epmoe, floor, crossovers, failures } = found;
  const names = [...new Set(times.map(({ name }) => name))];
  const all = [...times, ...epmoe, ...floor];
  const columns = [...names, ...(epmoe.length > 0 ? [BASELINE, "floor"] : [])];
  const fastest = fastestAt(times);
  const right = "right" as const;
  const rows = countsIn(all).map((tokens) => {
    const best = fastest.find((one) => one.tokens === tokens)?.name;
    const cells = columns.map((name) => {
      const time = all.find((one) => one.name === name && one.tokens === tokens);
      if (time === undefined) return "-";
      return name === best ? paint.bold(micros(time.seconds)) : micros(time.seconds);
    });
    const built = undecided ? "-" : plannedAt(plan, device, tokens);
    return [count(tokens), ...cells, best ?? "-", built];
  });
  const head = ["T", ...columns].map((title) => ({ title, align: right }));
  const series = [
    ...names.map((name, at) => ({ name, mark: MARKS[at % MARKS.length] ?? "●" })),
    { name: BASELINE, mark: "+" },
    { name: "floor", mark: "·" },
  ].map((one) => ({
    ...one,
    points: all
      .filter(({ name }) => name === one.name)
      .map(({ tokens, seconds }) => [tokens, seconds] as const),
  }));
  const shown = series.filter(({ points }) => points.length > 0);
  return [
    paint.bold(`crossovers on ${device}`),
    ...table([...head, { title: "fastest" }, { title: "built" }], rows),
    "",
    ...plot(shown, { x: (tokens) => count(tokens), y: micros }),
    `  ${shown.map(({ name, mark }) => `${mark} ${name}`).join("   ")}`,
    "",
    ...changes(crossovers, plan, device),
    ...(undecided ? [] : stale.map(paint.yellow)),
    ...failures.map((message) => paint.red(`  ${message}`)),
  ];
}

/** Which schedule the plan runs a call with. */
function plannedAt(plan: Plan, device: string, tokens: number): string {
  const found = kernelFor(plan, device, tokens);
  return found === undefined ? "-" : (found.schedule ?? plan.schedule);
}

/**
 * Buckets whose times no longer decide as they stand written: run by another schedule than the one that
 * is predicted to be the fastest at their end.
 */
export function outdated(
  { device, times }: Pick<DeviceTimes, "device" | "times">,
  { kernels, schedule: only }: Plan,
): readonly string[] {
  const fastest = fastestAt(times);
  return kernels.flatMap((kernel) => {
    const { bucket, schedule = only, choice, tiles } = kernel;
    const best = fastest.find(({ tokens }) => tokens === tiles.upTo)?.name;
    const named = choice?.by === "spec";
    if (kernel.device !== device || named || best === undefined || best === schedule) return [];
    const times = `at T = ${count(tiles.upTo)} ${best} is predicted to be faster`;
    return [`  ${bucket} is built with ${schedule}, by the times in the spec; ${times}`];
  });
}

/** A change within a bucket costs what lies between it and the bucket's end. */
function changes(crossovers: readonly Crossover[], plan: Plan, device: string): readonly string[] {
  if (crossovers.length === 0) return ["  one schedule is the fastest throughout"];
  return crossovers.map(({ tokens, between: [low, high], from, to }) => {
    const at = kernelFor(plan, device, tokens);
    const ends = plan.kernels.filter((kernel) => kernel.device === device);
    const within =
      at === undefined || ends.some(({ tiles }) => tiles.upTo === low)
        ? ""
        : `, within ${at.bucket}: a bucket with upTo: ${low} would part them`;
    return `  from T = ${count(tokens)} on ${to} is faster than ${from} (between ${count(low)} and ${count(high)})${within}`;
  });
}
