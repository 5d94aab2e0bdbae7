/** Modules of a plan from their templates. */
import { namedFor } from "../kernel/gateless.ts";
import type { Plan } from "../plan/plan.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { render } from "./templates.ts";

export type Modules = ReadonlyMap<string, string>;

/** Texts of modules, without their imports. */
export function rendered(plan: Plan, files: readonly PackageFile[]): Modules {
  return new Map(
    files.map(({ file, template, context }) => [
      file,
      namedFor(plan.layer, render(template, context(plan))),
    ]),
  );
}
