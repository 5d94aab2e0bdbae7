/** What the command line says at once: an old Node, a mistyped word, one meaning of `-o`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands/registry.ts";
import { nearestWord } from "../../src/cli/similar.ts";
import { oldNode } from "../../src/house/node-version.mjs";
import { emptyFolder, mainFile, moegen, qwen, root } from "./moegen.ts";

describe("an old Node", () => {
  /** Says that it is another one, before anything of moegen is loaded. */
  const fake = (version: string): string => {
    const versions = `{ value: { ...process.versions, node: "${version}" } }`;
    const code = `Object.defineProperty(process, "versions", ${versions})`;
    return `data:text/javascript,${encodeURIComponent(code)}`;
  };
  const run = (version: string, file: string, args: readonly string[]) =>
    execa(process.execPath, ["--import", fake(version), file, ...args], { reject: false });

  it.each([...commands.map(({ name }) => name), "--help", "--version"])(
    "is refused by %s with one line and a fix",
    async (command) => {
      const ran = await run("18.20.8", mainFile, [command]);
      expect([ran.exitCode, ran.stdout, ran.stderr.split("\n")]).toEqual([
        69,
        "",
        [
          "error: this is Node 18.20.8; moegen needs Node 20 or newer",
          expect.stringContaining("fix: "),
        ],
      ]);
      const json = await run("18.20.8", mainFile, [command, "--json"]);
      expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "old-node" } });
    },
  );

  it("is refused by the scripts of a checkout, and a new one by nothing", async () => {
    for (const script of ["setup", "start", "test", "moegen"]) {
      const ran = await run("18.20.8", join(root, "src/house", `${script}.mjs`), []);
      expect([script, ran.exitCode]).toEqual([script, 69]);
      expect(ran.stderr).toContain("moegen needs Node 20 or newer");
    }
    expect((await run("20.0.0", mainFile, ["--version"])).exitCode).toBe(0);
    expect(["20.0.0", "22.1.0", "100.0.0"].map((version) => oldNode(version))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("words", () => {
  it.each([
    ["zpf:1", "did you mean zipf:1?"],
    ["zip", "did you mean zipf?"],
    ["unifrom", "did you mean uniform?"],
    ["hotspt:48:0.5", "did you mean hotspot:48:0.5?"],
    ["gamma:2", "there is no distribution gamma, and no such file"],
  ])("--skew %s", async (skew, says) => {
    const ran = await moegen(["predict", qwen, "--device", "v6e", "--skew", skew]);
    expect([ran.code, ran.stderr]).toEqual([64, expect.stringContaining(says)]);
    expect(ran.stderr).toContain("zipf:S");
  });

  it("the nearest is near", () => {
    expect(nearestWord("tpoK", ["topK", "experts"])).toBe("topK");
    expect(nearestWord("x", ["topK", "experts"])).toBeUndefined();
    expect(nearestWord("", [])).toBeUndefined();
  });
});

describe("-o, --out", () => {
  it("is where a command writes, of each that has it; nothing else is", async () => {
    const writing: string[] = [];
    for (const { name } of commands) {
      const { stdout } = await moegen([name, "--help"]);
      const lines = stdout
        .split("\n")
        .filter((line) => /^ {2}(-o|.*--(out|output|dir)\b)/.test(line));
      for (const line of lines) {
        if (/\$ moegen/.test(line)) continue;
        expect(line).toMatch(/^ {2}-o, --out <(dir|file)> /);
        writing.push(name);
      }
    }
    expect(writing.sort()).toEqual(["build", "init", "report", "store"]);
  });

  it("goes by both names, and by the ones of before", async () => {
    const cwd = emptyFolder();
    for (const [flag, folder] of [
      ["-o", "a"],
      ["--out", "b"],
      ["--dir", "c"],
    ] as const) {
      const ran = await moegen(["init", "--model", "grok-2", flag, folder], { cwd });
      expect(ran.code).toBe(0);
      expect(existsSync(join(cwd, folder, "grok-2.moe.ts"))).toBe(true);
    }
  });
});
