/** `build --into` and `revert` on the real tree from PyPI. */
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen, type Ran, root } from "../cli/moegen.ts";
import { alter, contents, folders, smallTree, tinySpec, wholeTree } from "./tree.ts";

// Many runs of the command line, each with a Python of its own.
const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const REGISTRY = "sgl_jax/srt/kernels/fused_moe/registry.py";

function states(ran: Ran): Readonly<Record<string, string>> {
  const { files } = onlyObject(ran) as { files: { path: string; state: string }[] };
  return Object.fromEntries(files.map(({ path, state }) => [path, state]));
}

const build = (tree: string, specs: readonly string[], ...flags: string[]): Promise<Ran> =>
  moegen(["build", ...specs, "--into", tree, ...flags]);
const revert = (tree: string, ...flags: string[]): Promise<Ran> =>
  moegen(["revert", "--into", tree, ...flags]);

describe("a tree and back", () => {
  test("built, checked, built again, taken back byte for byte", async () => {
    const tree = await smallTree();
    const [before, beforeFolders] = [contents(tree), folders(tree)];
    const dry = await build(tree, [qwen], "--dry-run", "--json");
    expect([dry.code, dry.stderr]).toEqual([0, expect.any(String)]);
    expect(contents(tree)).toEqual(before);
    expect((await build(tree, [qwen], "--check")).code).toBe(2);

    const first = await build(tree, [qwen], "--json");
    expect(states(first)).toEqual(states(dry));
    expect(states(first)[MODEL]).toBe("edited");
    expect(states(first)[REGISTRY]).toBe("new");
    const built = contents(tree);
    const time = statSync(join(tree, ".moegen/manifest.json")).mtimeMs;
    expect((await build(tree, [qwen], "--check")).code).toBe(0);

    const again = await build(tree, [qwen], "--json");
    expect(new Set(Object.values(states(again)))).toEqual(new Set(["unchanged"]));
    expect(contents(tree)).toEqual(built);
    expect(statSync(join(tree, ".moegen/manifest.json")).mtimeMs).toBe(time);

    expect((await revert(tree)).code).toBe(0);
    expect(contents(tree)).toEqual(before);
    expect(folders(tree)).toEqual(beforeFolders);
    const nothing = await revert(tree, "--json");
    expect([nothing.code, onlyObject(nothing).tree]).toEqual([0, null]);
    expect(onlyObject(nothing).written).toBe(false);
    expect(onlyObject(again).written).toBe(false);
    expect(onlyObject(first).written).toBe(true);
    expect((await revert(tree)).stdout).toMatch(/nothing to take out/);
    expect((await revert(tree)).stdout).not.toMatch(/written/);
  });

  test("--diff is what git apply makes the same tree of", async () => {
    const tree = await smallTree();
    const copy = emptyFolder();
    cpSync(tree, copy, { recursive: true });
    const { stdout } = await build(tree, [qwen], "--diff");
    await execa("git", ["init", "-q"], { cwd: copy });
    await execa("git", ["apply", "-"], { cwd: copy, input: `${stdout}\n` });
    await build(tree, [qwen]);
    // Git's apply makes no empty file of a diff without lines.
    const made = [...contents(tree, /^\.moegen\//)].filter(([, text]) => text !== "");
    expect(new Map([...contents(copy)].filter(([, text]) => text !== ""))).toEqual(new Map(made));
  });

  test("kernels come and go independently, and leave no trace of each other", async () => {
    const [one, other, both] = [await smallTree(), await smallTree(), await smallTree()];
    const [a, b] = [tinySpec({ name: "tiny_ep4" }), tinySpec({ name: "tiny_ep2", ep: 2 })];
    await build(one, [a]);
    await build(other, [b]);
    await build(both, [a]);
    const second = await build(both, [b], "--json");
    expect(onlyObject(second).kernels).toEqual(["tiny_ep4", "tiny_ep2"]);
    expect(readFileSync(join(both, REGISTRY), "utf8")).toMatch(/ep=2[\s\S]*ep=4/);
    const whole = contents(both);
    await revert(both, "--spec", "tiny_ep4");
    expect(contents(both)).toEqual(contents(other));
    await build(both, [a]);
    expect(contents(both)).toEqual(whole);
    await revert(both, "--spec", "tiny_ep2");
    expect(contents(both)).toEqual(contents(one));
    const unknown = await revert(both, "--spec", "tiny_ep8");
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("tiny_ep4")]);
  });

  test("the tree's Black, isort and ruff find nothing new", async () => {
    const tree = await wholeTree();
    const findings = async (): Promise<readonly string[]> => {
      const python = join(root, ".venv", "bin", "python");
      const rules = [
        "--select",
        "E,F,UP,B,SIM,G",
        "--ignore",
        "E501",
        "--output-format",
        "concise",
      ];
      const options = { cwd: tree, reject: false } as const;
      const runs = [
        ["black", "--check", "-l", "100", "sgl_jax"],
        ["isort", "--check", "--profile", "black", "-p", "sgl_jax", "sgl_jax"],
        ["ruff", "check", "--isolated", "--no-cache", ...rules, "sgl_jax"],
      ].map((args) => execa(python, ["-m", ...args], options));
      const lines = (await Promise.all(runs)).flatMap(({ stdout, stderr }) =>
        `${stdout}\n${stderr}`.split("\n").filter((line) => line.includes(".py")),
      );
      // Without line numbers: an edit moves what was found before.
      return lines.map((line) => line.replace(/:\d+:\d+/, "")).sort();
    };
    const before = await findings();
    expect(before.length).toBeGreaterThan(0);
    await build(tree, [qwen, tinySpec({ name: "tiny_ep4" })]);
    expect(await findings()).toEqual(before);
  });
});

describe("edits by hand", () => {
  const HAND = "\n\ndef mine():\n    return 1\n";

  test("stop the build with their diff, are merged, or overwritten when told so", async () => {
    const tree = await smallTree();
    const spec = tinySpec({ name: "tiny_ep4" });
    const before = contents(tree);
    await build(tree, [spec]);
    alter(tree, MODEL, (text) => `${text}${HAND}`);
    alter(tree, REGISTRY, (text) => text.replace("KERNELS = (", "# mine\nKERNELS = ("));
    const edited = contents(tree);

    const stopped = await build(tree, [spec]);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain("+def mine():");
    expect(stopped.stderr).toContain("+# mine");
    expect((await build(tree, [spec], "--check")).code).toBe(2);
    expect((await revert(tree)).code).toBe(1);
    expect(contents(tree)).toEqual(edited);

    // Another kernel changes the registry: hand edits and that, together.
    const both = [spec, tinySpec({ name: "tiny_ep2", ep: 2 })];
    const merged = await build(tree, both, "--merge", "--json");
    expect(states(merged)[REGISTRY]).toBe("merged");
    expect(readFileSync(join(tree, REGISTRY), "utf8")).toMatch(/# mine\nKERNELS = \([\s\S]*ep=2/);
    expect(readFileSync(join(tree, MODEL), "utf8")).toContain("def mine():");
    // What was merged stands: it is no drift.
    expect((await build(tree, both, "--check")).code).toBe(0);
    // A revert that merges keeps what is no part of the build.
    await revert(tree, "--spec", "tiny_ep2", "--merge");
    expect(readFileSync(join(tree, MODEL), "utf8")).toContain("def mine():");

    expect((await revert(tree, "--force")).code).toBe(0);
    expect(contents(tree)).toEqual(before);
  });

  test("a merge that conflicts writes nothing", async () => {
    const tree = await smallTree();
    await build(tree, [tinySpec({ name: "tiny_ep4" })]);
    alter(tree, REGISTRY, (text) => text.replace("ep=4", "ep=5"));
    const edited = contents(tree);
    const ran = await build(tree, [tinySpec({ name: "tiny_ep4", ep: 2 })], "--merge");
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("has conflicts")]);
    expect(contents(tree)).toEqual(edited);
  });

  test("a file in the way of a new one is not overwritten, and comes back", async () => {
    const tree = await smallTree();
    const path = "sgl_jax/srt/layers/fused_moe.py";
    writeFileSync(join(tree, path), "mine = 1\n");
    const before = contents(tree);
    const ran = await build(tree, [qwen]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("in the way")]);
    expect(contents(tree)).toEqual(before);
    expect((await build(tree, [qwen], "--force")).code).toBe(0);
    await revert(tree);
    expect(contents(tree)).toEqual(before);
  });
});
