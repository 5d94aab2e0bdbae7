/** Names of packages that would hide something else. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { loadSpec } from "../../src/dsl/load.ts";
import { filesBelow } from "../../src/house/paths.mjs";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import { qwen, root } from "../cli/moegen.ts";

const { spec } = await loadSpec(qwen);

function judged(name: string) {
  const { findings, plan } = judge({ ...spec, name }, registries);
  return { plan, findings: findings.filter(({ severity }) => severity === "error") };
}

function refused(name: string): void {
  const { findings, plan } = judged(name);
  expect([name, findings.map(({ path }) => path)]).toEqual([name, [["name"]]]);
  expect(plan).toBeUndefined();
  for (const { nearest } of findings) {
    expect(nearest).toHaveLength(1);
    expect(judged(String(nearest[0])).findings).toEqual([]);
  }
}

test("every module and builtin of the Python that runs a package", () => {
  const list =
    "sorted({*sys.stdlib_module_names, *dir(builtins), *keyword.kwlist, *keyword.softkwlist})";
  const { stdout } = spawnSync(
    interpreterOf(checkoutEnvironment),
    ["-c", `import builtins, json, keyword, sys; print(json.dumps(${list}))`],
    { encoding: "utf8" },
  );
  const names = JSON.parse(stdout) as string[];
  expect(names.length).toBeGreaterThan(400);
  for (const name of names) refused(name);
});

test("everything that the packages in generated/ import, and the modules that they have", () => {
  const files = filesBelow(join(root, "generated")).filter((path) => path.endsWith(".py"));
  const imported = files.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/^\s*(?:import|from) ([A-Za-z_]\w*)/gm)].map(
      ([, name = ""]) => name,
    ),
  );
  expect(new Set(imported)).toContain("jax");
  for (const name of new Set(imported)) refused(name);
  for (const name of ["kernel", "reference", "tiles", "shapes", "transport", "__init__"]) {
    refused(name);
  }
  // A module that this plan has not: the name is free.
  expect(judged("shared_experts").findings).toEqual([]);
});

test("a name that is no identifier gets one that is free", () => {
  for (const name of ["jax!", "class", "json-", "a".repeat(300), `${"a-".repeat(90)}`, "1"]) {
    refused(name);
  }
});
