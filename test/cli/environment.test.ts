import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen } from "./moegen.ts";

const COMMANDS: readonly (readonly string[])[] = [
  ["validate", qwen],
  ["compile", qwen],
  ["doctor"],
];

/** A Python that is there and does not work. */
function brokenPython(): string {
  const python = join(emptyFolder(), "python");
  writeFileSync(python, "#!/bin/sh\necho 'broken on purpose' >&2\nexit 3\n");
  chmodSync(python, 0o755);
  return python;
}

describe("without a working Python", () => {
  it.each(COMMANDS)("%s says so, with the fix, when it is missing", async (...args) => {
    const env = { MOEGEN_PYTHON: "/nowhere/python" };
    const { code, stdout, stderr } = await moegen(args, { env });
    expect(code).toBe(69);
    expect(stdout + stderr).toContain("/nowhere/python");
    expect(stdout + stderr).toMatch(/fix:/);
    expect(stdout + stderr).not.toMatch(/^\s+at |Traceback/m);
  });

  it.each(COMMANDS)("%s says so, with the fix, when it is broken", async (...args) => {
    const env = { MOEGEN_PYTHON: brokenPython() };
    const { code, stdout, stderr } = await moegen(args, { env });
    expect(code).toBe(69);
    expect(stdout + stderr).toMatch(/fix:/);
    expect(stdout + stderr).not.toMatch(/^\s+at |Traceback/m);
  });

  it.each(COMMANDS)("%s --json stays one object", async (...args) => {
    const env = { MOEGEN_PYTHON: "/nowhere/python" };
    const ran = await moegen([...args, "--json"], { env });
    expect(ran.code).toBe(69);
    expect(onlyObject(ran)).toMatchObject({ command: args[0], status: "failed" });
  });
});
