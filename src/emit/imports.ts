/**
 * Imports of a generated module, from the names it uses: a template never lists them, so a
 * branch that is not emitted leaves no unused import behind.
 */

/** Where a template wants its imports. */
export const MARK = "# <imports>";

/** Names from outside the package, as the modules spell them. */
const OUTSIDE: Readonly<Record<string, { readonly group: number; readonly line: string }>> = {
  contextlib: { group: 0, line: "import contextlib" },
  functools: { group: 0, line: "import functools" },
  glob: { group: 0, line: "import glob" },
  itertools: { group: 0, line: "import itertools" },
  math: { group: 0, line: "import math" },
  os: { group: 0, line: "import os" },
  NamedTuple: { group: 0, line: "from typing import NamedTuple" },
  warnings: { group: 0, line: "import warnings" },
  jax: { group: 1, line: "import jax" },
  jnp: { group: 1, line: "import jax.numpy as jnp" },
  lax: { group: 1, line: "from jax import lax" },
  pl: { group: 1, line: "from jax.experimental import pallas as pl" },
  pltpu: { group: 1, line: "from jax.experimental.pallas import tpu as pltpu" },
  AbstractMesh: { group: 1, line: "from jax.sharding import AbstractMesh" },
  AxisType: { group: 1, line: "from jax.sharding import AxisType" },
  Mesh: { group: 1, line: "from jax.sharding import Mesh" },
  NamedSharding: { group: 1, line: "from jax.sharding import NamedSharding" },
  np: { group: 1, line: "import numpy as np" },
  P: { group: 1, line: "from jax.sharding import PartitionSpec as P" },
};

/** The text without strings and comments: what is left uses names. */
function code(text: string): string {
  return text.replace(/"""[\s\S]*?"""/g, '""').replace(/#.*$/gm, "");
}

/** All names in a module's code. */
export function namesUsedIn(text: string): ReadonlySet<string> {
  return new Set(code(text).match(/(?<![.\w])[A-Za-z_]\w*/g));
}

/** Names a module defines at its top level and does not keep to itself. */
function definitions(text: string): readonly string[] {
  return [...code(text).matchAll(/^(?:def |class )?([A-Za-z]\w*)(?=\(|:| = )/gm)]
    .map((match) => match[1] ?? "")
    .filter((name) => name !== "");
}

/** isort's order by type: constants, classes, the rest; then as if written small. */
function byType(a: string, b: string): number {
  const rank = (name: string): number =>
    name === name.toUpperCase() && name.length > 1 ? 0 : /^[A-Z]/.test(name) ? 1 : 2;
  return rank(a) - rank(b) || (a.toLowerCase() < b.toLowerCase() ? -1 : 1);
}

interface Module {
  readonly file: string;
  readonly module: string;
  readonly text: string;
  readonly names: readonly string[];
}

function modulesOf(files: ReadonlyMap<string, string>): readonly Module[] {
  return [...files].map(([file, text]) => ({
    ...{ file, text, module: file.replace(/\.py$/, "") },
    names: definitions(text),
  }));
}

/** Modules above those of one schedule that these may import. */
const ABOVE = ["quantization", "reference", "selection", "shared_quantization"];

/** Imports that a template writes itself, of modules that lie above. */
function fromAbove(text: string, above: readonly Module[]): string {
  return text.replace(/^from \.(\w+) import/gm, (line, module: string) =>
    above.some((one) => one.module === module) ? `from ..${module} import` : line,
  );
}

/** A package beside one's own, whose names are imported where a module uses them. */
export interface Beside {
  readonly folder: string;
  /** Before their imports are put in. */
  readonly modules: ReadonlyMap<string, string>;
}

/**
 * Replaces the mark in every module by the imports it needs, from outside and from the siblings
 * that have a mark too; a module without one stands alone.
 *
 * @param package_ modules of the package that these lie in a folder of; absent: they are the package
 * @param beside a package beside that folder; absent: there is none
 */
export function withImports(
  files: ReadonlyMap<string, string>,
  package_: ReadonlyMap<string, string> = new Map(),
  beside?: Beside,
): ReadonlyMap<string, string> {
  const modules = modulesOf(files);
  const common = modulesOf(beside?.modules ?? new Map()).filter(({ text }) => text.includes(MARK));
  const above = modulesOf(package_).filter(({ module }) => ABOVE.includes(module));
  return new Map(
    modules.map(({ file, module, text, names: own }): [string, string] => {
      if (!text.includes(MARK)) return [file, fromAbove(text, above)];
      const used = namesUsedIn(text);
      const outside = Object.entries(OUTSIDE).filter(([name]) => used.has(name));
      const groups = [0, 1].map((group) =>
        outside.filter(([, entry]) => entry.group === group).map(([, { line }]) => line),
      );
      const from = (dots: string, others: readonly Module[]): readonly string[] =>
        others
          .toSorted((a, b) => (a.module < b.module ? -1 : 1))
          .flatMap((other) => {
            const names = other.names
              .filter((name) => used.has(name) && !own.includes(name))
              .sort(byType);
            return names.length === 0 ? [] : [fromImport(`${dots}${other.module}`, names)];
          });
      const siblings = modules.filter(
        (other) => other.module !== module && other.text.includes(MARK),
      );
      // What a template imports by itself is not imported again.
      const selecting = above.filter(({ module }) => module === "selection");
      const aside = from(`..${beside?.folder ?? ""}.`, common);
      groups.push([...from("..", selecting), ...aside, ...from(".", siblings)]);
      // isort, profile black: plain imports before "from" ones within a group.
      const lines = groups
        .map((group) =>
          together(group)
            .sort((a, b) => Number(isFrom(a)) - Number(isFrom(b)))
            .join("\n"),
        )
        .filter((group) => group !== "");
      return [file, fromAbove(text.replace(MARK, lines.join("\n\n")), above)];
    }),
  );
}

/** Several names of one module on one line; one with another name of its own stays apart. */
function together(lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const line of lines) {
    const [from = "", names = ""] = line.split(" import ");
    const other = found.findIndex(
      (one) => one.startsWith(`${from} import `) && !one.includes(" as "),
    );
    if (!isFrom(line) || other < 0 || names.includes(" as ")) found.push(line);
    else found[other] = `${found[other]}, ${names}`;
  }
  return found;
}

/** isort's profile "black" wraps at its own 88 columns, whatever Black is told. */
const IMPORT_COLUMNS = 88;

function fromImport(module: string, names: readonly string[]): string {
  const line = `from ${module} import ${names.join(", ")}`;
  if (line.length <= IMPORT_COLUMNS) return line;
  return `from ${module} import (\n${names.map((name) => `    ${name},\n`).join("")})`;
}

function isFrom(line: string): boolean {
  return line.startsWith("from ");
}
