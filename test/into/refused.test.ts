/** Trees and specs that `build --into` refuses, with nothing written. */
import { existsSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { emptyFolder, moegen, qwen, type Ran, root } from "../cli/moegen.ts";
import { alter, contents, smallTree, tinySpec } from "./tree.ts";

// Many runs of the command line, each with a Python of its own.
const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const CONFIG = "sgl_jax/srt/configs/model_config.py";

const build = (tree: string, specs: readonly string[], ...flags: string[]): Promise<Ran> =>
  moegen(["build", ...specs, "--into", tree, ...flags]);
const revert = (tree: string, ...flags: string[]): Promise<Ran> =>
  moegen(["revert", "--into", tree, ...flags]);

async function git(tree: string, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  return (await execa("git", ["-C", tree, ...who, ...args])).stdout;
}

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
      ["gpt-oss-120b", "biases"],
      ["qwen2-57b-a14b", "shared experts"],
      ["qwen3-30b-a3b-fp8", "no quantised weights"],
    ]) {
      const spec = join(root, "examples", `${model}.moe.ts`);
      await refused(tree, ["build", spec, "--into", tree], String(why), "Qwen3-MoE");
    }
  });

  test("a second kernel for the same layer, and one of a name that is taken", async () => {
    const tree = await smallTree();
    expect((await build(tree, [tinySpec({ name: "tiny_ep4" })])).code).toBe(0);
    const twin = ["build", tinySpec({ name: "twin" }), "--into", tree];
    await refused(tree, twin, "tiny_ep4 and twin are for the same layer");
    const module = ["build", tinySpec({ name: "registry", ep: 2 }), "--into", tree];
    await refused(tree, module, "registry.py of its own");
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
