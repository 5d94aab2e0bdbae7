/** A Python module as what it defines, so that what several modules define alike is told once. */
import { MARK, namesUsedIn } from "./imports.ts";

export interface Definition {
  readonly name: string;
  /** With the comments above it, and what goes on about it (`@name.defjvp`). */
  readonly text: string;
  /** Whether a blank line stands above. */
  readonly apart: boolean;
  /** Names in its code, its own among them; not those of its arguments' classes. */
  readonly uses: ReadonlySet<string>;
  /** Classes that its arguments are said to be of. */
  readonly classes: readonly string[];
}

export interface Definitions {
  /** The docstring. */
  readonly head: string;
  readonly definitions: readonly Definition[];
}

/** An argument with its class. */
const ARGUMENT = /\b([a-z]\w*): ([A-Z]\w*)(?=[,)])/g;

/** Text that is no code; that with braces in an f-string is. */
const PLAIN = /(?<![\w"])"(?:[^"\\\n]|\\.)*"(?!")/g;

/** The definition without the classes of its arguments that are none of `known`: whatever has the fields will do. */
export function untyped(definition: Definition, known: (name: string) => boolean): Definition {
  const text = definition.text.replace(ARGUMENT, (typed, argument: string, of: string) =>
    definition.classes.includes(of) && !known(of) ? argument : typed,
  );
  return { ...definition, text };
}

/** The definition with another name in the place of one. */
export function withName(definition: Definition, from: string, to: string): Definition {
  const text = definition.text.replaceAll(new RegExp(`(?<![.\\w])${from}\\b`, "g"), to);
  return { ...definition, text, name: definition.name === from ? to : definition.name };
}

/** A line that begins what defines a name. */
const DEFINES = /^(?:(?:async )?def |class )?([A-Za-z_]\w*)/;

/**
 * What a formatted module defines; undefined: imports are not to be put into it, so it stands or falls as
 * a whole.
 */
export function definitionsIn(module: string): Definitions | undefined {
  const [head = "", body] = module.split(`${MARK}\n`);
  if (body === undefined) return undefined;
  const made: { readonly name: string; readonly lines: string[] }[] = [];
  let above: string[] = [];
  for (const line of body.split("\n")) {
    const name = DEFINES.exec(line)?.[1];
    const last = made.at(-1);
    if (/^[@#]/.test(line)) above.push(line);
    else if (name !== undefined && !(name === "_" && last !== undefined)) {
      made.push({ name, lines: [...above, line] });
      above = [];
    } else if (name === undefined && above.length > 0) above.push(line);
    else if (name === undefined && last === undefined) above.push(line);
    else {
      last?.lines.push(...above, line);
      above = [];
    }
  }
  const definitions = made.map(({ name, lines }, index): Definition => {
    const text = lines.join("\n").trim();
    const before = index === 0 ? lines : (made[index - 1]?.lines ?? []);
    const apart = index === 0 || before.at(-1)?.trim() === "";
    const classes = [...new Set([...text.matchAll(ARGUMENT)].map(([, , of = ""]) => of))];
    return {
      name,
      text,
      apart,
      classes,
      uses: namesUsedIn(text.replace(ARGUMENT, "$1").replace(PLAIN, '""')),
    };
  });
  return { head: head.trim(), definitions };
}

/** A module of some definitions, as a template makes it. */
export function moduleOf({ head, definitions }: Definitions): string {
  const body = definitions.map(({ text, apart }) => `${apart ? "\n" : ""}${text}`);
  return `${head}\n\n${MARK}\n${body.join("\n")}\n`;
}
