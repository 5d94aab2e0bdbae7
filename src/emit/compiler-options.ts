/** What a package says of the program around its calls: a module that is there where the spec has options. */

import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { pyBool } from "./python.ts";

/** Names that a caller may import of it. */
export function optionNames({ kernels }: Plan): readonly string[] {
  const some = kernels.some(({ compilerOptions = {} }) => Object.keys(compilerOptions).length > 0);
  return some ? ["compiler_options"] : [];
}

function optionsContext({ name, kernels }: Plan): Record<string, unknown> {
  // Options are a bucket's, whatever the device.
  const buckets = new Map(kernels.map((kernel): [string, KernelPlan] => [kernel.bucket, kernel]));
  return {
    name,
    buckets: [...buckets.values()]
      .toSorted((a, b) => a.tiles.upTo - b.tiles.upTo)
      .map(({ tiles, compilerOptions = {} }) => ({
        upTo: tiles.upTo,
        options: Object.entries(compilerOptions).map(([option, { value, because }]) => ({
          ...{ option, because },
          value: typeof value === "number" ? String(value) : pyBool(value),
        })),
      })),
  };
}

/** Its module, if it has one. */
export function optionFiles(plan: Plan): readonly PackageFile[] {
  const file = "compiler_options.py";
  if (optionNames(plan).length === 0) return [];
  return [{ file, template: "package/compiler_options", context: optionsContext }];
}
