/**
 * Finds where a value was written. ts-morph is imported on first use: a sound spec never pays for
 * it. Where a value was not written here (it came from a config, a spread of an import, a
 * computation) the closest enclosing expression is given.
 */
import type { CallExpression, Expression, Node, SourceFile } from "ts-morph";
import type { SpecPath } from "./diagnostic.ts";

export interface Place {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

export interface Sought {
  readonly path: SpecPath;
  readonly at?: "key";
}

type Morph = typeof import("ts-morph");

let parsed: { readonly text: string; readonly file: SourceFile; readonly morph: Morph } | undefined;

async function parse(text: string): Promise<{ readonly file: SourceFile; readonly morph: Morph }> {
  if (parsed?.text === text) return parsed;
  const morph = await import("ts-morph");
  const project = new morph.Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    skipFileDependencyResolution: true,
    compilerOptions: { noLib: true, noResolve: true },
  });
  parsed = { text, morph, file: project.createSourceFile("/spec.moe.ts", text) };
  return parsed;
}

/** The place of a value (or of its property's name) in the spec's text. */
export async function locate(text: string, sought: Sought): Promise<Place> {
  const { file, morph } = await parse(text);
  const walker = new Walker(file, morph);
  const exported = file
    .getExportAssignments()
    .find((assignment) => !assignment.isExportEquals())
    ?.getExpression();
  return placeOf(exported === undefined ? file : walker.walk(exported, sought), file);
}

/** Where a property's value stands in the text; undefined where it is not written in this file. */
export async function findProperty(
  text: string,
  path: SpecPath,
): Promise<{ readonly start: number; readonly end: number } | undefined> {
  const { file, morph } = await parse(text);
  const exported = file
    .getExportAssignments()
    .find((assignment) => !assignment.isExportEquals())
    ?.getExpression();
  if (exported === undefined) return undefined;
  const key = new Walker(file, morph).walk(exported, { path, at: "key" });
  const property = key.getParent();
  const name = String(path.at(-1));
  const written = morph.Node.isStringLiteral(key) ? key.getLiteralText() : key.getText();
  if (written !== name || !morph.Node.isPropertyAssignment(property)) return undefined;
  const value = property.getInitializer();
  return value === undefined ? undefined : { start: value.getStart(), end: value.getEnd() };
}

/** Where the last property of an object stands; undefined where the object is not written here. */
export async function findLastProperty(
  text: string,
  path: SpecPath,
): Promise<{ readonly start: number; readonly end: number } | undefined> {
  const found = await findProperty(text, path);
  if (found === undefined) return undefined;
  const { file, morph } = await parse(text);
  const value = file.getDescendantAtPos(found.start)?.getParent();
  if (!morph.Node.isObjectLiteralExpression(value) || value.getStart() !== found.start) {
    return undefined;
  }
  const last = value.getProperties().at(-1);
  return last === undefined ? undefined : { start: last.getStart(), end: last.getEnd() };
}

/** The import of a module that could not be found. */
export async function locateImport(text: string, module: string): Promise<Place | undefined> {
  const { file } = await parse(text);
  const found = file.getImportDeclarations().find((declaration) => {
    const written = declaration.getModuleSpecifierValue();
    return written === module || module.endsWith(written.replace(/^\.+\//, "/"));
  });
  return found === undefined ? undefined : placeOf(found.getModuleSpecifier(), file);
}

/** The first syntax error, where the text does not parse. */
export async function syntaxError(
  text: string,
): Promise<{ readonly place: Place; readonly message: string } | undefined> {
  const { file, morph } = await parse(text);
  // Not in the public type, but what every language service reads; guarded for the day it goes.
  const source = file.compilerNode as unknown as {
    readonly parseDiagnostics?: readonly {
      readonly start: number;
      readonly length: number;
      readonly messageText: Parameters<Morph["ts"]["flattenDiagnosticMessageText"]>[0];
    }[];
  };
  const first = source.parseDiagnostics?.[0];
  if (first === undefined) return undefined;
  const message = morph.ts.flattenDiagnosticMessageText(first.messageText, "\n");
  return { place: placeAt(file, first.start, first.start + first.length), message };
}

function placeOf(node: Node, file: SourceFile): Place {
  return placeAt(file, node.getStart(), node.getEnd());
}

/** A place on one line: what goes on to further lines is underlined to the end of the first. */
function placeAt(file: SourceFile, start: number, end: number): Place {
  const { line, column } = file.getLineAndColumnAtPos(start);
  const newline = file.getFullText().indexOf("\n", start);
  const stop = newline === -1 ? end : Math.min(end, newline);
  return { line, column, endColumn: column + Math.max(1, stop - start) };
}

/** Follows a path through literals, constants, `choices(…)`, spreads and `fromHuggingFace(…)`. */
class Walker {
  readonly #file: SourceFile;
  readonly #morph: Morph;

  constructor(file: SourceFile, morph: Morph) {
    this.#file = file;
    this.#morph = morph;
  }

  walk(start: Expression, { path, at }: Sought): Node {
    let current = this.#value(start);
    const call = this.#call(current);
    const argument = call?.getArguments()[0];
    if (argument !== undefined && path.length > 0) current = this.#value(argument);
    for (const [index, step] of path.entries()) {
      const key = at === "key" && index === path.length - 1;
      const next = this.#step(current, step, key);
      if (next === undefined) return current;
      current = key ? next : this.#value(next);
    }
    return current;
  }

  /** One step down, or undefined where the value is not written here. */
  #step(from: Node, step: string | number, key: boolean): Node | undefined {
    const { Node } = this.#morph;
    if (typeof step === "number") {
      if (Node.isArrayLiteralExpression(from)) return from.getElements()[step];
      return this.#call(from)?.getArguments()[step];
    }
    if (Node.isObjectLiteralExpression(from)) return this.#property(from, step, key);
    // fromHuggingFace(config, { …overrides }): what the second argument says replaces the first.
    const overrides = this.#call(from)?.getArguments()[1];
    return overrides === undefined ? undefined : this.#step(this.#value(overrides), step, key);
  }

  #property(object: Node, name: string, key: boolean): Node | undefined {
    const { Node } = this.#morph;
    if (!Node.isObjectLiteralExpression(object)) return undefined;
    // The last one wins, as it does when the literal is evaluated.
    for (const property of [...object.getProperties()].reverse()) {
      if (Node.isSpreadAssignment(property)) {
        const found = this.#property(this.#value(property.getExpression()), name, key);
        if (found !== undefined) return found;
        continue;
      }
      const named = property.getNameNode();
      const written = Node.isStringLiteral(named) ? named.getLiteralText() : named.getText();
      if (written !== name) continue;
      // A shorthand's name is the identifier that holds its value.
      return key || !Node.isPropertyAssignment(property) ? named : property.getInitializer();
    }
    return undefined;
  }

  #call(node: Node): CallExpression | undefined {
    return this.#morph.Node.isCallExpression(node) ? node : undefined;
  }

  /** The expression behind parentheses, `as`, `satisfies` and names of constants in this file. */
  #value(node: Node): Node {
    const { Node } = this.#morph;
    let current = node;
    for (let depth = 0; depth < 20; depth += 1) {
      if (
        Node.isParenthesizedExpression(current) ||
        Node.isAsExpression(current) ||
        Node.isSatisfiesExpression(current) ||
        Node.isNonNullExpression(current)
      ) {
        current = current.getExpression();
      } else if (Node.isIdentifier(current)) {
        const initializer = this.#file.getVariableDeclaration(current.getText())?.getInitializer();
        if (initializer === undefined) return current;
        current = initializer;
      } else {
        return current;
      }
    }
    return current;
  }
}
