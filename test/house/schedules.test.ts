/** Names of one schedule stand in its own folder: what is written for all of them knows none. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { schedules } from "../../src/schedule/registry.ts";
import { root } from "../cli/moegen.ts";

const tracked = (...below: readonly string[]): readonly string[] =>
  execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...below],
    { cwd: root, encoding: "utf8" },
  )
    .split("\0")
    .filter((path) => path !== "");

/** Other projects' kernels have stages and streams of their own. */
const FOREIGN = /^src\/predict\/(published|pieces|truth)\//;

/** Words that are everybody's: XLA's operations, and what each package is called by. */
const COMMON = ["all_gather", "reduce_scatter", "all_to_all", "fused_ep_moe"];

const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** Words between quotes in a TypeScript file, but for names of generated modules and what users read. */
const quoted = (path: string, but = /(?!)/g): readonly string[] =>
  [
    ...textOf(path)
      .replaceAll(but, "")
      .matchAll(/(?<!title: )"([a-z]+(?:_[a-z]+)*)"(?!, template)/g),
  ].map(([, word = ""]) => word);

/** A kind may be an everyday word: a part's stage has it as its name, a docstring in a sentence. */
const STAGE = /\b(?:name|issuedBy|awaitedBy): "[a-z]+"/g;

/** Its kind, and words of its stages, copies, buffers and semaphores that no part has. */
function ownNames(kind: string): readonly string[] {
  const parts = new Set(tracked("src/kernel").flatMap((path) => quoted(path)));
  const names = tracked(`src/schedule/${kind}`)
    .flatMap((path) => quoted(path))
    .filter((word) => word.includes("_") && !parts.has(word) && !COMMON.includes(word));
  return [kind, ...new Set(names)];
}

/** Files below `src` that are for every schedule, and the whole worker. */
const general = {
  typescript: tracked("src").filter(
    (path) => path.endsWith(".ts") && !path.startsWith("src/schedule/") && !FOREIGN.test(path),
  ),
  python: tracked("python/moegen_worker").filter((path) => path.endsWith(".py")),
};

describe.each(Object.values(schedules).map(({ kind }) => kind))("%s", (kind) => {
  const names = ownNames(kind);
  const own = names.filter((name) => name !== kind).join("|");
  const word = new RegExp(`(?<![\\w-])(${own})(?![\\w-])|["']${kind}["']`);

  test("has names of its own", () => expect(names.length).toBeGreaterThan(5));

  test("is not named in what is for all schedules", () => {
    const found = general.typescript.flatMap((path) =>
      quoted(path, path.startsWith("src/kernel/") ? STAGE : undefined)
        .filter((one) => names.includes(one))
        .map((one) => `${path}: ${one}`),
    );
    expect(found).toEqual([]);
  });

  test("is not named in the worker", () => {
    const found = general.python.flatMap((path) =>
      textOf(path)
        .split("\n")
        .filter((line) => word.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });
});
