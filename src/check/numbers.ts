import { LARGEST_SIZE } from "../plan/divisors.ts";

/** Whether it is one, and no larger than a size can be. */
export function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= LARGEST_SIZE;
}

/** The legal values on either side of `value` (two on one side at an end), ascending. */
export function nearestOf(legal: readonly number[], value: number): readonly number[] {
  const below = legal.filter((member) => member < value);
  const above = legal.filter((member) => member > value);
  const last = below.at(-1);
  const first = above[0];
  if (last === undefined) return above.slice(0, 2);
  if (first === undefined) return below.slice(-2);
  return [last, first];
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes as a reader wants them: 31.2 MiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${UNITS[unit] ?? "B"}`;
}
