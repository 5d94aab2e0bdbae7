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

/** A value as it would be written in the spec, short enough for a message. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  const text = jsonOf(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "nothing";
  } catch {
    return "a value that JSON cannot hold";
  }
}
