/** `build --into` and `revert` on the real tree from PyPI. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen, type Ran, root } from "../cli/moegen.ts";
import { alter, contents, folders, smallTree, tinySpec, wholeTree } from "./tree.ts";

const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const CONFIG = "sgl_jax/srt/configs/model_config.py";
const REGISTRY = "sgl_jax/srt/kernels/fused_moe/registry.py";

function states(ran: Ran): Readonly<Record<string, string>> {
  const { files } = onlyObject(ran) as { files: { path: string; state: string }[] };
  return Object.fromEntries(files.map(({ path, state }) => [path, state]));
}

const build = (tree: string, specs: readonly string[], ...flags: string[]): Promise<Ran> =>
  moegen(["build", ...specs, "--into", tree, ...flags]);
const revert = (tree: string, ...flags: string[]): Promise<Ran> =>
  moegen(["revert", "--into", tree, ...flags]);

async function git(tree: string, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  return (await execa("git", ["-C", tree, ...who, ...args])).stdout;
}

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

describe("refused, with nothing written", () => {
  async function refused(tree: string, args: readonly string[], ...words: string[]): Promise<void> {
    const before = contents(tree);
    const ran = await moegen(args);
    for (const word of words) expect(ran.stderr).toContain(word);
    expect(ran.code).toBe(1);
    expect(contents(tree)).toEqual(before);
  }

  test("a tree of another kind, one edited half-way, one that lacks a place", async () => {
    const tree = await smallTree();
    const args = ["build", qwen, "--into", tree];
    const half = "class MoEBackend(str):\n    pass\n";
    alter(tree, CONFIG, (text) => `${text}\n\n${half}`);
    await refused(tree, args, CONFIG, "expected no MoEBackend", "sglang-jax 0.0.2");
    alter(tree, CONFIG, (text) =>
      text
        .replace(half, "")
        .replace("self.quantization = quantization", "self.quantized = quantization"),
    );
    await refused(
      tree,
      args,
      CONFIG,
      "ModelConfig.__init__ has no statement `self.quantization = quantization`",
      "self.quantized = quantization",
    );
    await refused(emptyFolder(), ["build", qwen, "--into", emptyFolder()], "expected the file");
  });

  test("models that the tree does not serve", async () => {
    const tree = await smallTree();
    for (const [model, why] of [
      ["grok-2", "silu"],
      ["ling-mini-2.0", "sigmoid"],
    ]) {
      const spec = join(root, "examples", `${model}.moe.ts`);
      await refused(tree, ["build", spec, "--into", tree], String(why), "Qwen3-MoE");
    }
  });

  test("links that lead out of the tree", async () => {
    const tree = await smallTree();
    const outside = join(emptyFolder(), "layers");
    renameSync(join(tree, "sgl_jax/srt/layers"), outside);
    symlinkSync(outside, join(tree, "sgl_jax/srt/layers"));
    const before = contents(outside);
    await refused(tree, ["build", qwen, "--into", tree], "symbolic link", "sgl_jax/srt/layers");
    expect(contents(outside)).toEqual(before);
  });

  test("a manifest that names a path outside", async () => {
    const tree = await smallTree();
    mkdirSync(join(tree, ".moegen"));
    const files = { "../outside.py": { before: null, generated: "0", after: "0" } };
    const manifest = { schema: 1, moegen: "0", tree: "pypi", specs: {}, files, folders: [] };
    writeFileSync(join(tree, ".moegen/manifest.json"), JSON.stringify(manifest));
    await refused(tree, ["revert", "--into", tree, "--force"], "../outside.py");
  });

  test("uncommitted changes, unless they are allowed", async () => {
    const tree = await smallTree();
    await git(tree, "init", "-q");
    await git(tree, "add", "-A");
    await git(tree, "commit", "-qm", "all");
    alter(tree, MODEL, (text) => `# changed\n${text}`);
    const args = ["build", tinySpec({ name: "tiny_ep4" }), "--into", tree];
    await refused(tree, args, "uncommitted", MODEL);
    await git(tree, "checkout", "-q", "--", ".");
    expect((await moegen(args)).code).toBe(0);
    // What moegen wrote itself is in nobody's way.
    expect((await moegen(args)).code).toBe(0);
    expect((await revert(tree)).code).toBe(0);
    expect(await git(tree, "status", "--porcelain")).toBe("");
    alter(tree, MODEL, (text) => `# changed\n${text}`);
    expect((await moegen([...args, "--allow-dirty"])).code).toBe(0);
  });

  test("flags that do not go together", async () => {
    const { code, stderr } = await moegen(["build", qwen, "--dry-run"]);
    expect([code, stderr]).toEqual([
      64,
      expect.stringContaining("--dry-run goes with --into only"),
    ]);
    const tree = emptyFolder();
    expect((await build(tree, [qwen], "--force", "--merge")).code).toBe(64);
    expect((await build(tree, [qwen], "--watch")).code).toBe(64);
    expect(existsSync(join(tree, ".moegen"))).toBe(false);
  });
});
