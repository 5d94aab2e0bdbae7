/** Handlebars templates of Python and of launchers' files, read from `templates/` once a process. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Handlebars from "handlebars";

const ROOT = fileURLToPath(new URL("../../templates/", import.meta.url));
/** Python's are named without their ending. */
const SUFFIX = /(\.py)?\.hbs$/;

type Render = (context: Record<string, unknown>) => string;

let environment: typeof Handlebars | undefined;
const compiled = new Map<string, Render>();

/** Every template is a partial as well, by its path: `{{> kernel/routing/routing}}`. */
function load(): typeof Handlebars {
  if (environment !== undefined) return environment;
  environment = Handlebars.create();
  environment.registerHelper("block", chosenBlock);
  for (const file of readdirSync(ROOT, { recursive: true, encoding: "utf8" })) {
    if (!SUFFIX.test(file)) continue;
    const name = file.replace(SUFFIX, "").replaceAll("\\", "/");
    environment.registerPartial(name, readFileSync(join(ROOT, file), "utf8"));
  }
  return environment;
}

/**
 * `{{> (block "dot")}}`: the template that the kernel's parts chose for a name.
 *
 * @throws RangeError where none did.
 */
function chosenBlock(name: string, { data }: Handlebars.HelperOptions): string {
  const root: unknown = data?.root;
  const blocks: unknown = typeof root === "object" && root !== null && Reflect.get(root, "blocks");
  const chosen: unknown =
    typeof blocks === "object" && blocks !== null ? Reflect.get(blocks, name) : undefined;
  if (typeof chosen !== "string") throw new RangeError(`no part chose a block ${name}`);
  return chosen;
}

/**
 * Renders `templates/NAME.py.hbs` or `templates/NAME.hbs`; a name the context lacks is an error, not an empty string.
 * Throws RangeError where there is no such template.
 */
export function render(name: string, context: Record<string, unknown>): string {
  let template = compiled.get(name);
  if (template === undefined) {
    const handlebars = load();
    const source: unknown = handlebars.partials[name];
    if (typeof source !== "string") throw new RangeError(`no template ${name}`);
    template = handlebars.compile(source, { noEscape: true, strict: true });
    compiled.set(name, template);
  }
  return template(context);
}
