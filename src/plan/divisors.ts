/** The largest int32: XLA's sizes and indices are of that type. */
export const LARGEST_SIZE = 2 ** 31 - 1;

/**
 * All of them, ascending.
 *
 * @throws RangeError where `value` exceeds any size: counting through it would take minutes.
 */
export function divisors(value: number): readonly number[] {
  if (value > LARGEST_SIZE) throw new RangeError(`${value} is no size`);
  const small: number[] = [];
  const large: number[] = [];
  for (let divisor = 1; divisor * divisor <= value; divisor += 1) {
    if (value % divisor !== 0) continue;
    small.push(divisor);
    if (divisor * divisor !== value) large.unshift(value / divisor);
  }
  return [...small, ...large];
}

/** Of two positive integers. */
export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
