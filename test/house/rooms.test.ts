/** Who may import whom, as docs/architecture.md says. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly type: boolean;
}

/** `src/target` is two rooms. */
const roomOf = (path: string): string =>
  path
    .split("/")
    .slice(1, path.startsWith("src/target/") ? 3 : 2)
    .join("/");

const IMPORT = /(?:^(import type|import|export)\b[^;"]*from |\bimport\()"(\.[^"]+)"/gm;

const imports: readonly Import[] = execFileSync("git", ["ls-files", "-z", "src"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(IMPORT)].map(([, how, path = ""]) => ({
      file,
      from: roomOf(file),
      to: roomOf(normalize(join(dirname(file), path))),
      type: how === "import type",
    })),
  )
  .filter(({ from, to }) => from !== to);

const BELOW = [
  ...["spec", "plan", "model", "dsl", "check", "kernel", "schedule", "lower", "emit", "predict"],
  ...["target/device", "target/tree"],
];
const ABOVE = ["runner", "validate", "profile", "sweep", "report", "into"];

const rules: readonly (readonly [string, (one: Import) => boolean])[] = [
  ["the spec imports nothing", ({ from }) => from === "spec"],
  ["the plan imports the spec alone", ({ from, to }) => from === "plan" && to !== "spec"],
  [
    "lowering is handed schedules and devices",
    ({ from, to, type }) =>
      from === "lower" && !type && ["schedule", "kernel", "target/device"].includes(to),
  ],
  [
    "the emitter knows neither spec files nor rules",
    ({ from, to }) => from === "emit" && ["dsl", "check", "predict"].includes(to),
  ],
  [
    "the predictor knows neither parts nor the emitter",
    ({ from, to }) => from === "predict" && ["kernel", "emit"].includes(to),
  ],
  [
    "what is between a spec and its files starts no Python",
    ({ from, to, type }) => BELOW.includes(from) && !type && ABOVE.includes(to),
  ],
  ["nothing imports the command line", ({ to }) => to === "cli"],
];

test("imports of all rooms are found", () => {
  const rooms = new Set(imports.map(({ from }) => from));
  expect([...BELOW, ...ABOVE].filter((room) => room !== "spec" && !rooms.has(room))).toEqual([]);
});

test.each(rules)("%s", (_, broken) => {
  expect(imports.filter(broken).map(({ file, to }) => `${file} → ${to}`)).toEqual([]);
});

const LOADED = /^(?:import|export)\b(?! type)(?:[^;"]* from)? "(\.\.?\/[^"]+)"/gm;

/** What is loaded with a file of `src`: no type, and nothing that waits for its command to run. */
function loadedWith(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(root, file), "utf8");
  for (const [, path = ""] of text.matchAll(LOADED)) {
    const to = normalize(join(dirname(file), path));
    if (to.endsWith(".ts")) loadedWith(to, found);
  }
  return found;
}

test("the command line starts without what only some commands need", () => {
  const started = loadedWith("src/cli/program.ts");
  expect([...started]).toContain("src/cli/commands/validate.ts");
  const dear = ["kernel", "predict", "schedule", "lower", "into", "runner", "profile", "model"];
  expect([...started].filter((file) => dear.includes(roomOf(file)))).toEqual([]);
});
