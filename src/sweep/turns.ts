/**
 * In which order finalists take turns on a TPU, and their times beside a control's: what a host's
 * clocks or neighbours do meanwhile is in both alike (boots of one machine differ by 4.5 %).
 */
import { spreadOf } from "../runner/time.ts";

/** The first finalist is the control: it has a turn before every so many others. */
const EVERY = 3;

/** Finalists by number, in the order of one round: 0 is the control. */
export function turnsOf(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) =>
    at > EVERY && at % EVERY === 1 ? [0, at] : [at],
  ).flat();
}

/**
 * Seconds of each turn as they would be beside the control's median: the median of the ratios to the
 * control's turn before it in the same round. Undefined where one of the two was not timed.
 */
export function pairedSeconds(
  turns: readonly number[],
  samples: readonly (readonly number[] | undefined)[],
): readonly (number | undefined)[] {
  const control = turns.flatMap((who, at) => (who === 0 ? (samples[at] ?? []) : []));
  if (control.length === 0) return turns.map(() => undefined);
  const { median } = spreadOf(control);
  return turns.map((_, at) => {
    const beside = samples[turns.lastIndexOf(0, at)];
    const ratios = (samples[at] ?? []).flatMap((seconds, round) => {
      const of = beside?.[round];
      return of === undefined ? [] : [seconds / of];
    });
    return ratios.length === 0 ? undefined : median * spreadOf(ratios).median;
  });
}
