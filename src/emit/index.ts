/** Plan → Python package. Starts no Python. */
import { namedFor } from "../kernel/gateless.ts";
import type { Plan } from "../plan/plan.ts";
import { filesOf } from "./files.ts";
import { formatPython } from "./format.ts";
import { type Origin, withHeader } from "./header.ts";
import { withImports } from "./imports.ts";
import { render } from "./templates.ts";

/**
 * Path below the output folder → text, in a fixed order; the same bytes on any machine.
 *
 * @param origin what the files' headers name; absent: the package is for one run
 */
export async function emitPackage(
  plan: Plan,
  origin?: Origin,
): Promise<ReadonlyMap<string, string>> {
  const rendered = new Map(
    filesOf(plan).map(({ file, template, context }) => [
      file,
      namedFor(plan.layer, render(template, context(plan))),
    ]),
  );
  const files = [...withImports(rendered)].map(([file, text]): [string, string] => [
    `${plan.name}/${file}`,
    withHeader(formatPython(text), origin),
  ]);
  return new Map(files);
}
