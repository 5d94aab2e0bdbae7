/** Runs the predictor over ground-truth records and scores it set by set. */
import { runJob } from "../run.ts";
import { type Measurement, type Read, readRecord, type TruthRecord } from "./record.ts";
import { lowerMedian, median, type Pair, quantile, regret, signs, spearman } from "./score.ts";

/** All records of one kernel with one configuration on one problem. */
export interface Arm extends Pair {
  readonly set: string;
  readonly problem: string;
  readonly kernel: string;
  readonly arm: string;
  readonly tokens: number;
  readonly ep: number;
  readonly device: string;
  readonly routing: string;
  readonly records: number;
  readonly assumed: readonly string[];
}

export interface SetScore {
  readonly set: string;
  readonly records: number;
  readonly arms: number;
  /** Over all arms of the set. */
  readonly spearman: number | null;
  /** Mean over problems with three arms or more. */
  readonly spearmanWithin: number | null;
  /** Over problems with two arms or more, as a part of the best time. */
  readonly regret: {
    readonly mean: number;
    readonly worst: number;
    readonly problems: number;
  } | null;
  /** Pairs of different kernels on one problem that differ by more than the noise. */
  readonly signs: { readonly right: number; readonly of: number };
  /** Predicted over measured: median, first and last tenth. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number } | null;
  readonly skipped: readonly { readonly why: string; readonly records: number }[];
  readonly assumed: readonly string[];
}

export interface BenchResult {
  readonly sets: readonly SetScore[];
  readonly arms: readonly Arm[];
}

function grouped<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item)) ?? [];
    group.push(item);
    groups.set(key(item), group);
  }
  return groups;
}

/**
 * Scores the predictor, set by set.
 *
 * @throws What is no Error alone: a record that cannot be predicted is skipped and says why.
 */
export async function bench(
  records: readonly TruthRecord[],
  progress: (done: number, all: number) => void = () => {},
): Promise<BenchResult> {
  const read = records.map(readRecord);
  const found: Measurement[] = [];
  for (const each of read) if (each.ok) found.push(each.measurement);
  const groups = [
    ...grouped(found, ({ set, problem, arm }) => `${set}\n${problem}\n${arm}`).values(),
  ];
  const arms: Arm[] = [];
  const failed: Read[] = [];
  for (const group of groups) {
    const [first] = group;
    if (first === undefined) continue;
    try {
      arms.push({
        set: first.set,
        problem: first.problem,
        kernel: first.kernel.name,
        arm: first.arm,
        tokens: first.tokens,
        ep: first.ep,
        device: first.device.name,
        routing: first.skew.kind,
        records: group.length,
        assumed: first.assumed,
        predicted: predictMeasurement(first),
        // Outliers are slow: of two that differ the lower is taken.
        measured: lowerMedian(group.map(({ measured }) => measured)),
      });
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      const why = `cannot be predicted: ${thrown.message}`;
      failed.push(...group.map(({ set }): Read => ({ ok: false, set, why })));
    }
    progress(arms.length + failed.length, groups.length);
    // Lets a progress line be written and Ctrl-C be heard.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const sets = [...new Set(read.map((each) => (each.ok ? each.measurement.set : each.set)))];
  const skipped = [...read.filter((each) => !each.ok), ...failed];
  return {
    arms,
    sets: sets.map((set) =>
      score(
        set,
        arms.filter((arm) => arm.set === set),
        skipped.flatMap((each) => (!each.ok && each.set === set ? [each.why] : [])),
      ),
    ),
  };
}

/** Predicted seconds of what a record measured. */
export function predictMeasurement(measurement: Measurement): number {
  const { kernel, device, ep, tokens, layer, tiles, skew } = measurement;
  return runJob({ device, ep, tokens, layer, tiles, skew }, kernel).seconds;
}

function score(set: string, arms: readonly Arm[], skipped: readonly string[]): SetScore {
  const problems = [...grouped(arms, ({ problem }) => problem).values()];
  const contested = problems.filter((problem) => problem.length > 1);
  const regrets = contested.map(regret);
  const within = problems.flatMap((problem) => {
    const found = problem.length > 2 ? spearman(problem) : undefined;
    return found === undefined ? [] : [found];
  });
  const ratios = arms.map(({ predicted, measured }) => predicted / measured);
  const pairs = contested.flatMap((problem) =>
    problem.flatMap((a, index) =>
      problem
        .slice(index + 1)
        .filter((b) => b.kernel !== a.kernel)
        .map((b): readonly [Pair, Pair] => [a, b]),
    ),
  );
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const reasons = grouped(skipped, (why) => why);
  return {
    set,
    records: arms.reduce((sum, arm) => sum + arm.records, 0),
    arms: arms.length,
    spearman: spearman(arms) ?? null,
    spearmanWithin: within.length > 0 ? mean(within) : null,
    regret:
      regrets.length > 0
        ? { mean: mean(regrets), worst: Math.max(...regrets), problems: regrets.length }
        : null,
    signs: signs(pairs),
    ratio:
      ratios.length > 0
        ? { median: median(ratios), low: quantile(ratios, 0.1), high: quantile(ratios, 0.9) }
        : null,
    skipped: [...reasons].map(([why, all]) => ({ why, records: all.length })),
    assumed: [...new Set(arms.flatMap(({ assumed }) => assumed))],
  };
}
