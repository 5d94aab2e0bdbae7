/** What a reader is told: exported functions of these rooms have a docstring that says what they throw. */
import { join } from "node:path";
import { Node, Project } from "ts-morph";
import { describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

/** Rooms that keep the rule; a room is added when it does. */
const ROOMS = ["kernel", "lower", "plan", "predict", "profile", "schedule", "spec"];

const project = new Project({ skipAddingFilesFromTsConfig: true });

describe.each(ROOMS)("src/%s", (room) => {
  const files = project.addSourceFilesAtPaths(join(root, "src", room, "**", "*.ts"));
  const functions = files.flatMap((file) =>
    file
      .getFunctions()
      .filter((each) => each.isExported())
      .map((each) => ({
        name: `${file.getBaseName()}: ${each.getName()}`,
        text: each
          .getJsDocs()
          .map((doc) => doc.getText())
          .join(""),
        throws: each.getDescendants().some((node) => Node.isThrowStatement(node)),
      })),
  );

  test("every exported function says what it does", () => {
    expect(functions.length).toBeGreaterThan(0);
    expect(functions.filter(({ text }) => text === "").map(({ name }) => name)).toEqual([]);
  });

  test("a function that throws says what and when", () => {
    const silent = functions.filter(({ text, throws }) => throws && !/throws/i.test(text));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
