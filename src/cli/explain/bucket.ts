/** What a bucket has chosen beside its tiles. */
import type { KernelPlan } from "../../plan/plan.ts";

/** Where rows lie, and of a choice of the plan's what the other places were estimated to take. */
export function rowsLines({
  tiles: { rows = "vmem", upTo },
  rowsTimes,
}: KernelPlan): readonly string[] {
  if (rowsTimes === undefined) return rows === "vmem" ? [] : [`  rows: ${rows}`];
  const times = rowsTimes.map((one) => `${one.rows} ${one.us} us`).join(", ");
  return [`  rows: ${rows}, chosen for all buckets; estimated for T = ${upTo}: ${times}`];
}

/** What the program around its calls is compiled with, and why. */
export function optionLines({ compilerOptions = {} }: KernelPlan): readonly string[] {
  return Object.entries(compilerOptions).map(
    ([name, { value, because }]) => `  compiler option ${name} = ${value}: ${because}`,
  );
}
