import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands/registry.ts";
import { moegen, onlyObject, qwen, root } from "./moegen.ts";

describe("the command line", () => {
  it("has one file a command and one line in the registry", () => {
    const files = readdirSync(join(root, "src", "cli", "commands"))
      .filter((name) => name !== "registry.ts")
      .map((name) => name.replace(/\.ts$/, ""));
    expect(commands.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  it.each(commands.map(({ name }) => name))("%s --help shows an example", async (name) => {
    const { code, stdout } = await moegen([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain(`$ moegen ${name}`);
    expect(stdout).toContain("--json");
  });

  it.each([
    ["an unknown command", ["buld"], "Did you mean build?"],
    ["an unknown option", ["build", qwen, "--chek"], "Did you mean --check?"],
    ["a missing argument", ["check"], "missing required argument"],
    ["nothing to validate", ["validate"], "a spec file or --matrix is needed"],
    ["a matrix of a spec", ["validate", qwen, "--matrix"], "--matrix takes no spec"],
    ["a matrix of one ep", ["validate", "--matrix", "--ep", "4"], "--matrix sets ep itself"],
    ["rows without a matrix", ["validate", qwen, "--rows", "3"], "--matrix"],
    ["a row that there is not", ["validate", "--matrix", "--rows", "999"], "no such row"],
    ["a wrong number", ["validate", qwen, "--ep", "0"], "at least 1"],
    [
      "a kind of another family",
      ["validate", qwen, "--mutants", "sync", "--only", "offset"],
      "no kind of sync; there are",
    ],
    ["an unknown device", ["compile", qwen, "--device", "v4"], "Known: v5e"],
    ["options that exclude each other", ["build", qwen, "--check", "--watch"], "--watch"],
  ])("%s exits 64 with a hint", async (_, args, hint) => {
    const { code, stdout, stderr } = await moegen(args);
    expect(code).toBe(64);
    expect(stdout).toBe("");
    expect(stderr).toContain(hint);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it("reports a usage error as one object with --json", async () => {
    const ran = await moegen(["compile", "--json"]);
    expect(ran.code).toBe(64);
    expect(onlyObject(ran)).toMatchObject({
      command: "compile",
      status: "failed",
      error: { code: "usage" },
    });
  });

  it("reports a spec that is not there where it would be", async () => {
    const ran = await moegen(["check", "nowhere.moe.ts", "--json"]);
    expect(ran.code).toBe(1);
    expect(onlyObject(ran)).toMatchObject({
      command: "check",
      status: "failed",
      diagnostics: [{ code: "MOE001" }],
    });
    expect(ran.stderr).toContain("nowhere.moe.ts:1:1");
  });

  it("checks and explains an example", async () => {
    const checked = await moegen(["check", qwen, "--json"]);
    expect(checked.code).toBe(0);
    expect(onlyObject(checked)).toMatchObject({
      status: "ok",
      specs: [{ name: "qwen3_30b_a3b", notes: [] }],
    });
    const explained = await moegen([
      "explain",
      qwen,
      "--device",
      "v6e",
      "--tokens",
      "64",
      "--json",
    ]);
    expect(explained.code).toBe(0);
    expect(onlyObject(explained)).toMatchObject({
      command: "explain",
      status: "ok",
      plan: { schema: 2, name: "qwen3_30b_a3b" },
      memory: { layers: 48, devices: [{ device: "v5e", enough: true }, {}, {}, {}] },
      kernels: [{ device: "v6e", tokens: 64 }],
    });
  });

  it("draws the page of a plan, the short one unless asked", async () => {
    const asked = ["explain", qwen, "--device", "v6e", "--tokens", "64"];
    const short = (await moegen(asked)).stdout;
    expect(short.split("\n").length).toBeLessThan(40);
    expect(short).toMatch(/bound by (HBM|ICI|matrix unit)/);
    expect(short).toContain("--full");
    const { stdout } = await moegen([...asked, "--full"]);
    for (const section of [
      "fit",
      "HBM",
      "stages",
      "buffers",
      "copies",
      "semaphores",
      "bytes and FLOPs",
    ]) {
      expect(stdout).toContain(section);
    }
    expect(stdout).toMatch(/bound by (HBM|ICI|matrix unit)/);
  });
});
