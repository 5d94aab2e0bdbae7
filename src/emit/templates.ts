/** Handlebars templates of Python, read from `templates/` once a process. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Handlebars from "handlebars";

const ROOT = fileURLToPath(new URL("../../templates/", import.meta.url));
const SUFFIX = ".py.hbs";

type Render = (context: Record<string, unknown>) => string;

let environment: typeof Handlebars | undefined;
const compiled = new Map<string, Render>();

/** Every template is a partial as well, by its path: `{{> kernel/routing/routing}}`. */
function load(): typeof Handlebars {
  if (environment !== undefined) return environment;
  environment = Handlebars.create();
  for (const file of readdirSync(ROOT, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(SUFFIX)) continue;
    const name = file.slice(0, -SUFFIX.length).replaceAll("\\", "/");
    environment.registerPartial(name, readFileSync(join(ROOT, file), "utf8"));
  }
  return environment;
}

/** Renders `templates/NAME.py.hbs`; a name the context lacks is an error, not an empty string. */
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
