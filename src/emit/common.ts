/** What the packages of several kinds of layers define alike is told once, in a package beside theirs. */
import {
  type Definition,
  type Definitions,
  definitionsIn,
  moduleOf,
  untyped,
  withName,
} from "./definitions.ts";
import { COMMON } from "./layer-names.ts";

type Texts = ReadonlyMap<string, string>;

export interface Shared {
  /** Modules that all kinds have, with what they define alike; no import is in place yet. */
  readonly common: Texts;
  /** Each kind's modules, with the rest. */
  readonly kinds: readonly Texts[];
}

/** A module's definitions, or a module as a whole. */
type Module = Definitions | string;

const INIT = "__init__.py";
const isWhole = (module: Module | undefined): module is string => typeof module === "string";
/** A definition, or a whole module, among those of all files. */
const keyOf = (file: string, name = ""): string => `${file} ${name}`;

/** Modules that a whole one imports from, with the names that it takes. */
function importsOf(text: string): readonly (readonly [file: string, name: string])[] {
  const lines = [...text.matchAll(/^from \.(\w*) import (.+)$/gm)];
  return lines.flatMap(([, module = "", names = ""]) =>
    names
      .split(", ")
      .map((name): [string, string] =>
        module === "" ? [`${name}.py`, ""] : [`${module}.py`, name],
      ),
  );
}

/** The modules of one kind, by file. */
class Kind {
  readonly modules: ReadonlyMap<string, Module>;
  /** Which file defines a name that others may import. */
  readonly #owners = new Map<string, string>();

  constructor(texts: Texts) {
    this.modules = new Map([...texts].map(([file, text]) => [file, definitionsIn(text) ?? text]));
    for (const [file, module] of this.modules) {
      if (isWhole(module)) continue;
      for (const { name } of module.definitions) {
        if (!name.startsWith("_")) this.#owners.set(name, file);
      }
    }
  }

  definitions(file: string): readonly Definition[] {
    const module = this.modules.get(file);
    return module === undefined || isWhole(module) ? [] : module.definitions;
  }

  definition(file: string, name: string): Definition | undefined {
    return this.definitions(file).find((one) => one.name === name);
  }

  /** The file that others import a name from; undefined: none of these. */
  owner(name: string): string | undefined {
    return this.#owners.get(name);
  }

  /** What a definition, or a whole module, stands on. */
  needs(file: string, name: string): readonly string[] {
    const module = this.modules.get(file);
    if (isWhole(module)) {
      return importsOf(module).map(([from, taken]) =>
        keyOf(from, isWhole(this.modules.get(from)) ? "" : taken),
      );
    }
    const used = [...(this.definition(file, name)?.uses ?? [])];
    return used.flatMap((other) => {
      const owner = this.definition(file, other) ? file : this.#owners.get(other);
      return owner === undefined || other === name ? [] : [keyOf(owner, other)];
    });
  }

  /** Whether what is its own module's alone is used by a definition that is not `among` those. */
  isSplit(file: string, name: string, among: ReadonlySet<string>): boolean {
    if (!name.startsWith("_")) return false;
    return this.definitions(file).some(
      (other) => other.uses.has(name) && !among.has(keyOf(file, other.name)),
    );
  }

  /** How often each name stands in all its modules' definitions. */
  names(): readonly string[] {
    return [...this.modules.keys()].flatMap((file) =>
      this.definitions(file).flatMap(({ uses }) => [...uses]),
    );
  }

  /** Whether one module defines a name, and as a function: what a module remembers stays where it is. */
  isOneFunction(name: string): boolean {
    const found = [...this.modules.keys()].flatMap((file) => this.definition(file, name) ?? []);
    return found.length === 1 && found.every(({ text }) => /^(?:@|def )/m.test(text));
  }
}

/** A function's name that only its module uses, as others may import it; undefined: it cannot be. */
function opened(
  kinds: readonly Kind[],
  taken: ReadonlySet<string>,
  name: string,
): string | undefined {
  const public_ = name.replace(/^_+/, "");
  const free = !taken.has(public_) && kinds.every((kind) => kind.isOneFunction(name));
  return free ? public_ : undefined;
}

/** What all kinds have, word for word, and what that stands on has too. */
function alike(kinds: readonly Kind[], taken: ReadonlySet<string>): ReadonlySet<string> {
  const [first, ...others] = kinds;
  const found = new Map<string, readonly [file: string, name: string]>();
  for (const [file, module] of first?.modules ?? []) {
    if (file === INIT) continue;
    if (isWhole(module)) {
      if (others.every((kind) => kind.modules.get(file) === module)) {
        found.set(keyOf(file), [file, ""]);
      }
      continue;
    }
    for (const { name, text } of module.definitions) {
      if (others.every((kind) => kind.definition(file, name)?.text === text)) {
        found.set(keyOf(file, name), [file, name]);
      }
    }
  }
  for (let before = Infinity; found.size < before; ) {
    before = found.size;
    const among = new Set(found.keys());
    for (const [key, [file, name]] of found) {
      const stands = kinds.every(
        (kind) =>
          kind.needs(file, name).every((need) => among.has(need)) &&
          (!kind.isSplit(file, name, among) || opened(kinds, taken, name) !== undefined),
      );
      if (!stands) found.delete(key);
    }
  }
  return new Set(found.keys());
}

/** A whole module with its imports from where the names are now. */
function repointed(text: string, common: ReadonlySet<string>, kind: Kind): string {
  return text.replace(/^from \.(\w*) import (.+)$/gm, (_, module: string, list: string) => {
    const isCommon = (name: string): boolean => {
      const file = `${module === "" ? name : module}.py`;
      const whole = isWhole(kind.modules.get(file));
      return common.has(keyOf(file, whole ? "" : name));
    };
    const names = list.split(", ");
    const from = (path: string, taken: readonly string[]): readonly string[] =>
      taken.length === 0 ? [] : [`from ${path} import ${taken.join(", ")}`];
    const above = `..${COMMON}${module === "" ? "" : "."}${module}`;
    return [
      ...from(above, names.filter(isCommon)),
      ...from(
        `.${module}`,
        names.filter((name) => !isCommon(name)),
      ),
    ].join("\n");
  });
}

/** Imports of a whole module in isort's order: those from above before its siblings'. */
function inOrder(text: string): string {
  return text.replace(/(?:^from \.\S* import .+\n)+/m, (block) => {
    const lines = block.trimEnd().split("\n");
    const above = lines.filter((line) => line.startsWith("from .."));
    return `${[...above, ...lines.filter((line) => !above.includes(line))].join("\n")}\n`;
  });
}

/**
 * Divides the modules of all kinds, formatted and without imports.
 *
 * @param heading of a common module whose docstring the kinds do not have alike
 */
export function shareAlike(texts: readonly Texts[], heading: (module: string) => string): Shared {
  const kinds = texts.map((one) => new Kind(one));
  const taken = new Set(kinds.flatMap((kind) => kind.names()));
  const same = alike(kinds, taken);
  /** What modules have for themselves and other modules use now, by file: with the names that it gets. */
  const renamed = (file: string, definitions: readonly Definition[]): readonly Definition[] => {
    const split = (kinds[0]?.definitions(file) ?? []).flatMap(({ name }): [string, string][] => {
      const shared = same.has(keyOf(file, name));
      const public_ = opened(kinds, taken, name);
      const used = shared && kinds.some((kind) => kind.isSplit(file, name, same));
      return used && public_ !== undefined ? [[name, public_]] : [];
    });
    return split.reduce<readonly Definition[]>(
      (all, [from, to]) => all.map((one) => withName(one, from, to)),
      definitions,
    );
  };
  const common = new Map<string, string>();
  for (const [file, module] of kinds[0]?.modules ?? []) {
    if (isWhole(module)) {
      if (same.has(keyOf(file))) common.set(file, module);
      continue;
    }
    // A class that is none of the kinds' siblings is JAX's.
    const known = (name: string): boolean => {
      const owner = kinds[0]?.owner(name);
      return owner === undefined || same.has(keyOf(owner, name));
    };
    const definitions = module.definitions
      .filter(({ name }) => same.has(keyOf(file, name)))
      .map((one) => untyped(one, known));
    if (definitions.length === 0) continue;
    const whole = kinds.every((kind) =>
      kind.definitions(file).every(({ name }) => same.has(keyOf(file, name))),
    );
    const head = whole ? module.head : heading(file.replace(/\.py$/, ""));
    common.set(file, moduleOf({ head, definitions: renamed(file, definitions) }));
  }
  const own = kinds.map(
    (kind) =>
      new Map(
        [...kind.modules].flatMap(([file, module]): [string, string][] => {
          if (isWhole(module)) {
            return same.has(keyOf(file)) ? [] : [[file, inOrder(repointed(module, same, kind))]];
          }
          const definitions = module.definitions.filter(({ name }) => !same.has(keyOf(file, name)));
          const told = renamed(file, definitions);
          return told.length === 0 ? [] : [[file, moduleOf({ ...module, definitions: told })]];
        }),
      ),
  );
  return { common, kinds: own };
}
