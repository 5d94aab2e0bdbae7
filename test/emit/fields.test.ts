/** A NamedTuple silently drops a property that has a field's name: none of a package's has. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { root } from "../cli/moegen.ts";
import { LAYER } from "../kernel/resident-layer.ts";

/** `class: name` of what a class with fields has twice, and how many such classes there are. */
function twice(python: string): { readonly classes: number; readonly names: readonly string[] } {
  // Docstrings describe fields as they are declared.
  const code = python.replaceAll(/"""[\s\S]*?"""/g, "");
  const found = [...code.matchAll(/^class (\w+)\(NamedTuple\):\n((?: {4}.*\n|\n)*)/gm)];
  const names = found.flatMap(([, name, body = ""]) => {
    const members = [...body.matchAll(/^ {4}(?:def )?(\w+)(?:: \S|\(self)/gm)].map(
      ([, one]) => one,
    );
    return members.filter((one, at) => members.indexOf(one) !== at).map((one) => `${name}: ${one}`);
  });
  return { classes: found.length, names };
}

test("what is told", () => {
  const member = "    @property\n    def rows(self) -> int:\n        return 1\n";
  const classOf = (field: string) => `class Shape(NamedTuple):\n    ${field}: int\n\n${member}`;
  expect(twice(classOf("rows"))).toEqual({ classes: 1, names: ["Shape: rows"] });
  expect(twice(classOf("row"))).toEqual({ classes: 1, names: [] });
});

test("generated packages have none", () => {
  const generated = join(root, "generated");
  const files = readdirSync(generated, { recursive: true, encoding: "utf8" });
  const python = files.filter((name) => name.endsWith(".py"));
  const found = python.map(
    (name) => [name, twice(readFileSync(join(generated, name), "utf8"))] as const,
  );
  expect(found.flatMap(([file, { names }]) => names.map((name) => `${file} ${name}`))).toEqual([]);
  // What kinds of layers share has none.
  const has = found.filter(([file, { classes }]) => file.endsWith("shapes.py") && classes === 2);
  expect(has.length).toBeGreaterThan(30);
});

test.each([
  ["gather", "hbm"],
  ["gather", "hbm with sums"],
  ["gather", "hbm with results"],
  ["gather", "two passes"],
  ["runs", "hbm with sums"],
] as const)("nor has one of %s with rows = %s", async (kind, rows) => {
  const all = { upTo: 8192, bt: 128, bf: 256, bd: 4096, rows } as const;
  const spec: MoeSpec = {
    name: "fields",
    layer: LAYER,
    mesh: { ep: 8, axes: ["expert"] },
    devices: ["v7x"],
    schedule: { kind, tiles: { all } },
    emit: { reference: true },
  };
  const { plan } = judge(spec, registries);
  if (plan === undefined) throw new Error("no plan");
  const python = [...(await emitPackage(plan)).values()].map(twice);
  expect(python.flatMap(({ names }) => names)).toEqual([]);
  // Those of tiles, of sizes, of references and of copies.
  expect(python.reduce((sum, { classes }) => sum + classes, 0)).toBeGreaterThan(2);
});
