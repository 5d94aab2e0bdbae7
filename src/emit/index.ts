/** Plan → Python package. Starts no Python. */
import type { Plan } from "../plan/plan.ts";
import { filesOf } from "./files.ts";
import { formatPython } from "./format.ts";
import { withImports } from "./imports.ts";
import { render } from "./templates.ts";

/** Path below the output folder → text, in a fixed order; the same bytes on any machine. */
export async function emitPackage(plan: Plan): Promise<ReadonlyMap<string, string>> {
  const rendered = new Map(
    filesOf(plan).map(({ file, template, context }) => [file, render(template, context(plan))]),
  );
  const files = [...withImports(rendered)].map(([file, text]): [string, string] => [
    `${plan.name}/${file}`,
    formatPython(text),
  ]);
  return new Map(files);
}
