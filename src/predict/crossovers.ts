/** Time against T of several kernels, and where the fastest changes. */

/** One kernel's predicted seconds at one T. */
export interface TimeAt {
  readonly name: string;
  /** T, all devices together. */
  readonly tokens: number;
  readonly seconds: number;
}

/** From `tokens` on, another is the fastest. */
export interface Crossover {
  /** T by the times on both sides, straight lines between them in logarithms. */
  readonly tokens: number;
  /** The counts that were predicted on its two sides. */
  readonly between: readonly [number, number];
  readonly from: string;
  readonly to: string;
}

/** All token counts, ascending. */
export function countsIn(times: readonly TimeAt[]): readonly number[] {
  return [...new Set(times.map(({ tokens }) => tokens))].sort((a, b) => a - b);
}

/** Who is fastest at each T, ascending; a tie goes to the one that was named first. */
export function fastestAt(times: readonly TimeAt[]): readonly TimeAt[] {
  return countsIn(times).flatMap((tokens) => {
    const here = times.filter((time) => time.tokens === tokens);
    const [first, ...others] = here;
    if (first === undefined) return [];
    return [others.reduce((best, one) => (one.seconds < best.seconds ? one : best), first)];
  });
}

/**
 * Where the fastest changes. Between two counts both are taken to go straight in logarithms of time and
 * T; where one of them is missing on a side, the change is at the larger count.
 */
export function crossoversOf(times: readonly TimeAt[]): readonly Crossover[] {
  const fastest = fastestAt(times);
  return fastest.flatMap((after, index) => {
    const before = fastest[index - 1];
    if (before === undefined || before.name === after.name) return [];
    const between = [before.tokens, after.tokens] as const;
    const lead = (tokens: number): number | undefined => {
      const of = (name: string) =>
        times.find((time) => time.tokens === tokens && time.name === name)?.seconds;
      const [old, next] = [of(before.name), of(after.name)];
      return old === undefined || next === undefined ? undefined : Math.log(next / old);
    };
    const [start, end] = [lead(before.tokens), lead(after.tokens)];
    const share =
      start === undefined || end === undefined || start === end ? 1 : start / (start - end);
    const tokens = Math.round(before.tokens * (after.tokens / before.tokens) ** share);
    return [{ tokens, between, from: before.name, to: after.name }];
  });
}
