/** What a reader is told: all that `src` exports to be called says what it does and what it throws. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type ClassDeclaration,
  type FunctionDeclaration,
  type JSDoc,
  Node,
  Project,
  type SourceFile,
} from "ts-morph";
import { describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

interface Exported {
  readonly name: string;
  /** Words of the comment on the line before it: a file's own, above a blank line, is none. */
  readonly words: string;
  /** With its tags. */
  readonly doc: string;
  readonly throws: boolean;
}

const project = new Project({ skipAddingFilesFromTsConfig: true });

function exported(name: string, body: Node, docs: readonly JSDoc[], line: number): Exported {
  const doc = docs.filter((each) => each.getEndLineNumber() === line - 1);
  return {
    name: `${body.getSourceFile().getBaseName()}: ${name}`,
    words: doc.map((each) => each.getDescription().trim()).join(""),
    doc: doc.map((each) => each.getText()).join("\n"),
    throws: body.getDescendants().some((node) => Node.isThrowStatement(node)),
  };
}

/** A declaration with its comment; of one with several signatures that of the first. */
function declared(node: ClassDeclaration | FunctionDeclaration): Exported {
  const first = Node.isFunctionDeclaration(node) ? (node.getOverloads()[0] ?? node) : node;
  const name = node.getName() ?? "default";
  return exported(name, node, first.getJsDocs(), first.getStartLineNumber());
}

/** Functions, classes and constants that are functions. */
function exportedBy(file: SourceFile): readonly Exported[] {
  const functions = file.getFunctions().filter((node) => node.isExported());
  const classes = file.getClasses().filter((node) => node.isExported());
  const constants = file
    .getVariableStatements()
    .filter((statement) => statement.isExported())
    .flatMap((statement) =>
      statement.getDeclarations().flatMap((one) => {
        const value = one.getInitializer();
        if (!Node.isArrowFunction(value) && !Node.isFunctionExpression(value)) return [];
        return exported(
          one.getName(),
          value,
          statement.getJsDocs(),
          statement.getStartLineNumber(),
        );
      }),
    );
  return [...[...functions, ...classes].map(declared), ...constants];
}

const undocumented = (all: readonly Exported[]): readonly string[] =>
  all.filter(({ words }) => words === "").map(({ name }) => name);

const silent = (all: readonly Exported[]): readonly string[] =>
  all.filter(({ doc, throws }) => throws && !/\bthrows\b/i.test(doc)).map(({ name }) => name);

const rooms = readdirSync(join(root, "src"));

describe.each(rooms)("src/%s", (room) => {
  const path = join(root, "src", room);
  const globs = /\.[a-z]+$/.test(room) ? [path] : [`${path}/**/*.ts`, `${path}/**/*.mjs`];
  const all = project.addSourceFilesAtPaths(globs).flatMap(exportedBy);

  test("all that is exported to be called says what it does", () => {
    expect(undocumented(all)).toEqual([]);
  });

  test("what throws says what and when", () => {
    expect(silent(all)).toEqual([]);
  });
});

test("what says nothing is found", () => {
  const file = project.createSourceFile(
    "said.ts",
    `/** The file's own words. */

export function blank() {}

/** Throws where it is called. */
export function loud() { throw new Error(); }

/** Says what it does. @throws */
export const tagged = () => { throw new Error(); };

/** @param count
 * so many */
export function bare(count) {}

/** Says what it does. */
export const quiet = () => { throw new Error(); };

export class Nameless { run() { throw new Error(); } }
/** Not called. */
export const size = 1;`,
  );
  expect(undocumented(exportedBy(file))).toEqual([
    "said.ts: blank",
    "said.ts: bare",
    "said.ts: Nameless",
  ]);
  expect(silent(exportedBy(file))).toEqual(["said.ts: Nameless", "said.ts: quiet"]);
});
