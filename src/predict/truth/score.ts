/** How good predictions are: rank correlation, regret of the first choice, signs, ratios. */

export interface Pair {
  readonly predicted: number;
  readonly measured: number;
}

/** Differences below this are noise of the measurements. */
export const TIE = 0.08;

/** Ranks from 1, the mean rank for equal values. */
export function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const found = values.map(() => 0);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (let at = start; at < end; at++) found[order[at]?.index ?? 0] = (start + end + 1) / 2;
    start = end;
  }
  return found;
}

/** Spearman's rank correlation; undefined for fewer than two pairs or where one side has one value. */
export function spearman(pairs: readonly Pair[]): number | undefined {
  if (pairs.length < 2) return undefined;
  const x = ranks(pairs.map(({ predicted }) => predicted));
  const y = ranks(pairs.map(({ measured }) => measured));
  const mean = (pairs.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((rank, index) => {
    const [dx, dy] = [rank - mean, (y[index] ?? 0) - mean];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return xx === 0 || yy === 0 ? undefined : xy / Math.sqrt(xx * yy);
}

/** How much slower the arm predicted fastest is than the fastest: 0 within the noise. */
export function regret(pairs: readonly Pair[]): number {
  const best = Math.min(...pairs.map(({ measured }) => measured));
  const least = Math.min(...pairs.map(({ predicted }) => predicted));
  // Of arms predicted alike, the mean: the predictor does not choose between them.
  const chosen = pairs.filter(({ predicted }) => predicted <= least * (1 + 1e-9));
  const got = chosen.reduce((sum, { measured }) => sum + measured, 0) / chosen.length;
  const found = got / best - 1;
  return found < TIE ? 0 : found;
}

/** Of the pairs whose measurements differ by more than the noise, how many are the right way round. */
export function signs(pairs: readonly (readonly [Pair, Pair])[]): {
  readonly right: number;
  readonly of: number;
} {
  let [right, of] = [0, 0];
  for (const [a, b] of pairs) {
    const ratio = a.measured / b.measured;
    if (Math.abs(Math.log(ratio)) <= Math.log(1 + TIE)) continue;
    of++;
    if (Math.sign(Math.log(a.predicted / b.predicted)) === Math.sign(Math.log(ratio))) right++;
  }
  return { right, of };
}

/** Of `values`, interpolated; `part` from 0 to 1. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** The middle of `values`, of an even number the mean of both; NaN of none. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The median, of an even number the lower of the two in the middle. */
export function lowerMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
