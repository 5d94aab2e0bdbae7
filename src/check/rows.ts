/** Where token rows lie, where the spec leaves that to the plan: what is estimated to take least, without a compile. */
import { estimateOf, type ResolvedTiles } from "../lower/tiles.ts";
import { withRows } from "../spec/rows.ts";
import type { BucketRows, RowsTime } from "../spec/schedule.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { JudgedKernels } from "./judged-kernels.ts";
import { rowsServed } from "./rules/residence.ts";
import type { RuleContext } from "./rules/rule.ts";

/** As much less than rows that lie nearer to VMEM others must take: estimates are no closer. */
const WORTH = 0.97;

interface Tried {
  readonly rows: BucketRows;
  readonly judged: JudgedKernels;
  /** Seconds of each kernel. */
  readonly seconds: readonly number[];
}

/** Of all kernels, each as important as the others. */
function meanOf({ seconds }: Tried): number {
  return Math.exp(seconds.reduce((sum, each) => sum + Math.log(each), 0) / seconds.length);
}

/** What a kernel would take in each place, fastest first. */
function timesOf(tried: readonly Tried[], index: number): readonly RowsTime[] {
  return tried
    .map(({ rows, seconds }) => ({ rows, us: Math.round((seconds[index] ?? 0) * 1e6) }))
    .sort((a, b) => a.us - b.us);
}

/**
 * One place for the rows of all buckets on all devices, as one kernel serves them: the first of those
 * that the layer has which nothing after it beats by much. Throws RangeError where no place was tried:
 * VMEM always is.
 *
 * @param judgeIn lowers all kernels with rows in one place
 */
export function judgeWithRows(
  { spec, schedule, devices }: RuleContext,
  judgeIn: (spec: MoeSpec) => JudgedKernels,
): JudgedKernels {
  const served =
    schedule?.options.includes("rows") === true ? rowsServed(spec, schedule) : (["vmem"] as const);
  const all = served.map((rows): Tried => {
    const of = withRows(spec, rows);
    const judged = judgeIn(of);
    const seconds = judged.resolved.flatMap((tiles) => {
      const device = devices[tiles.kernel.device];
      if (schedule === undefined || device === undefined) return [];
      return estimateOf({ spec: of, schedule, device }, tiles) ?? [];
    });
    return { rows, judged, seconds };
  });
  const [first] = all;
  if (first === undefined) throw new RangeError("rows can always lie in VMEM");
  const lowered = all.reduce((sum, { judged }) => sum + judged.lowered, 0);
  const most = Math.max(...all.map(({ seconds }) => seconds.length));
  const sound = all.filter(
    ({ judged, seconds }) =>
      judged.findings.every(({ severity }) => severity !== "error") && seconds.length === most,
  );
  let best = sound[0] ?? first;
  for (const one of sound) if (meanOf(one) < WORTH * meanOf(best)) best = one;
  const resolved = best.judged.resolved.map((tiles, index): ResolvedTiles => {
    const rowsTimes = timesOf(sound, index);
    return rowsTimes.length === 0 ? tiles : { ...tiles, kernel: { ...tiles.kernel, rowsTimes } };
  });
  return { ...best.judged, resolved, lowered };
}
