/** Which templates a package is made of. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "../../src/emit/files.ts";
import { memberFiles } from "../../src/emit/several.ts";
import { isSeveral, membersOf } from "../../src/plan/members.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { root } from "../cli/moegen.ts";

const folder = join(root, "templates");
/** Name, without `.py.hbs` → text. */
export const templates: ReadonlyMap<string, string> = new Map(
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".py.hbs"))
    .map((file) => [file.replace(/\.py\.hbs$/, ""), readFileSync(join(folder, file), "utf8")]),
);

/** What a template includes by name, and what is chosen for it. */
const INCLUDED = /\{\{> (?:\(block "(\w+)"\)|([\w/-]+))[^}]*\}\}/g;

function reach(name: string, blocks: Readonly<Record<string, string>>, found: Set<string>): void {
  found.add(name);
  for (const [, block = "", partial] of templates.get(name)?.matchAll(INCLUDED) ?? []) {
    reach(partial ?? blocks[block] ?? `no block ${block}`, blocks, found);
  }
}

export interface Rendered {
  readonly file: string;
  /** What its template is given. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Names of the templates that it is made of. */
  readonly made: ReadonlySet<string>;
}

/** Each file of a plan's package; of several schedules those of each one's folder too. */
export function* renderedOf(plan: Plan): Generator<Rendered> {
  const own = isSeveral(plan) ? membersOf(plan) : [];
  const files = [
    ...filesOf(plan).map((file) => ({ file, of: plan })),
    ...own.flatMap((of) => memberFiles(of, plan).map((file) => ({ file, of: of.plan }))),
  ];
  for (const { file, of } of files) {
    const context = file.context(of) as Readonly<Record<string, unknown>>;
    const { blocks = {} } = context;
    const made = new Set<string>();
    reach(file.template, blocks as Readonly<Record<string, string>>, made);
    yield { file: file.file, context, made };
  }
}

/** Names of the templates that these plans' packages are made of. */
export function reachedBy(plans: readonly Plan[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const plan of plans) {
    for (const { made } of renderedOf(plan)) for (const name of made) found.add(name);
  }
  return found;
}
