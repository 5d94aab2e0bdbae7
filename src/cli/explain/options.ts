/** What the program around a bucket's calls is compiled with, and why. */
import type { KernelPlan } from "../../plan/plan.ts";

/** A line for each option. */
export function optionLines({ compilerOptions = {} }: KernelPlan): readonly string[] {
  return Object.entries(compilerOptions).map(
    ([name, { value, because }]) => `  compiler option ${name} = ${value}: ${because}`,
  );
}
