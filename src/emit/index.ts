/** Plan → Python package. Starts no Python. */
import { isSeveral, membersOf } from "../plan/members.ts";
import type { Plan } from "../plan/plan.ts";
import { filesOf } from "./files.ts";
import { formatPython } from "./format.ts";
import { type Origin, withHeader } from "./header.ts";
import { withImports } from "./imports.ts";
import { type Modules, rendered } from "./rendered.ts";
import { memberFiles } from "./several.ts";

/**
 * Path below the output folder → text, in a fixed order; the same bytes on any machine.
 *
 * @param origin what the files' headers name; absent: the package is for one run
 */
export async function emitPackage(
  plan: Plan,
  origin?: Origin,
): Promise<ReadonlyMap<string, string>> {
  const files = isSeveral(plan) ? severalModules(plan) : withImports(rendered(plan, filesOf(plan)));
  return new Map(
    [...files].map(([file, text]): [string, string] => [
      `${plan.name}/${file}`,
      withHeader(formatPython(text), origin),
    ]),
  );
}

/** The entry's modules, and each member's in a folder of its name. */
function severalModules(plan: Plan): Modules {
  const entry = rendered(plan, filesOf(plan));
  const members = membersOf(plan).map((member) => ({
    folder: member.name,
    modules: rendered(member.plan, memberFiles(member, plan)),
  }));
  const told = withImports(entry);
  const own = members.flatMap(({ folder, modules }) =>
    [...withImports(modules, entry)].map(([file, text]): [string, string] => [
      `${folder}/${file}`,
      text,
    ]),
  );
  return new Map([...told, ...own]);
}
