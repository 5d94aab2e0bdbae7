/** What a spec's own code does to the command that loads it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tinySpec } from "../into/tree.ts";
import { emptyFolder, moegen, onlyObject } from "./moegen.ts";

const PRINTS = `import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
console.log("by console");
process.stdout.write("by the stream\\n");
writeSync(1, "by its number\\n");
spawnSync("echo", ["by a child"], { stdio: "inherit" });
`;

test("what a spec prints goes to stderr, and --json stays one object", async () => {
  const spec = tinySpec({ name: "tiny_ep4" });
  writeFileSync(spec, PRINTS + readFileSync(spec, "utf8"));
  const out = join(emptyFolder(), "out");
  for (const args of [
    ["check", spec],
    ["build", spec, "--out", out],
    ["explain", spec],
  ]) {
    const ran = await moegen([...args, "--json"]);
    expect([args[0], ran.code, onlyObject(ran).status]).toEqual([args[0], 0, "ok"]);
    for (const how of ["by console", "by the stream", "by its number", "by a child"]) {
      expect(ran.stderr.split(how)).toHaveLength(2);
    }
  }
});

test("a spec that ends the process fails, and says where", async () => {
  const spec = tinySpec({ name: "tiny_ep4" });
  writeFileSync(spec, `${readFileSync(spec, "utf8")}\nprocess.exit(0);\n`);
  const ran = await moegen(["check", spec, "--json"]);
  expect(ran.code).toBe(1);
  expect(onlyObject(ran)).toMatchObject({
    status: "failed",
    diagnostics: [
      { code: "MOE003", line: 19, message: expect.stringContaining("process.exit(0)") },
    ],
  });
});

test("a spec is loaded without a PATH", async () => {
  const spec = tinySpec({ name: "tiny_ep4" });
  const ran = await moegen(["check", spec, "--json"], { env: { PATH: "" } });
  expect([ran.code, onlyObject(ran).status]).toEqual([0, "ok"]);
});
