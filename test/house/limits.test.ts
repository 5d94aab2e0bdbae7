/** A slow machine fails no test: limits of time are vitest's far one, and none beside it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

/** What gives a test, a hook or a wait a time of its own. */
const LIMITS = [
  /^\s*\}, (\d[\d_]*|[A-Z_]+|\d+ \* [A-Z_]+)\);$/m,
  /^\s*\},\n\s*(\d[\d_]*|[A-Z_]+|\d+ \* [A-Z_]+),?\n\s*\);$/m,
  /\b(test|hook)Timeout\b/,
  /\b(test|it|describe)(\.\w+)*\([^\n]*\{ timeout: /,
  /performance\.now\(\) - \w+\)\.toBeLess/,
];

test.each(
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".test.ts"),
  ),
)("%s has no time limit of its own", (path) => {
  if (path.endsWith("limits.test.ts")) return;
  const text = readFileSync(join(root, "test", path), "utf8");
  expect(LIMITS.map((limit) => limit.exec(text)?.[0]).filter(Boolean)).toEqual([]);
});
