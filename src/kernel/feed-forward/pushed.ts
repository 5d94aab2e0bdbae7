/** Rows that the matrix units take: those of whole row tiles, and of the body that holds what is left. */
import type { KernelInput } from "../frame.ts";

/** What an expert has about so many standard deviations more of than the mean, in a quarter of them each. */
const QUARTERS = [-1.15, -0.32, 0.32, 1.15] as const;

/** Rows of the experts of each quarter, uniform routing. */
export function rowsOfQuarters(mean: number): readonly number[] {
  return QUARTERS.map((times) => Math.max(1, mean + times * Math.sqrt(mean)));
}

/** Rows that are taken for an expert's: the last tile takes the body that holds its rows. */
export function pushedRows(
  { device, tiles }: Pick<KernelInput, "device" | "tiles">,
  rows: number,
  counts: readonly number[],
): number {
  const whole = Math.max(0, Math.ceil(rows / tiles.bt) - 1);
  const rest = rows - whole * tiles.bt;
  const body = counts.find((count) => rest <= count) ?? tiles.bt;
  const { fullRows } = device.mxu;
  return whole * Math.max(fullRows, tiles.bt) + Math.max(fullRows, body);
}
