/**
 * `auto` reads the prediction that the tile table carries, in the tree from PyPI; the other trees'
 * own generated tests say the same of theirs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { ensureTreeEnvironment } from "../../src/house/trees.mjs";
import { trees } from "../../src/target/tree/registry.ts";
import { moegen } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { contents, tinySpec, wholeTree } from "./tree.ts";

/** What each request becomes on each kind of device, in a mesh of four. */
const SCRIPT = `
import json, types
import numpy as np
from transformers import PretrainedConfig
from sgl_jax.srt.configs.model_config import MoEBackend
from sgl_jax.srt.layers.moe_backend import resolve_moe_backend

config = PretrainedConfig(
    architectures=["Qwen3MoeForCausalLM"], num_experts=8, num_experts_per_tok=2, hidden_size=256,
    moe_intermediate_size=256,
)
for kind in ("TPU v6 lite", "TPU7x", "TPU v5p"):
    device = types.SimpleNamespace(device_kind=kind)
    mesh = types.SimpleNamespace(shape={"data": 1, "tensor": 4}, devices=np.array([[device] * 4]))
    for asked in (MoEBackend.AUTO, MoEBackend.FUSED):
        print(kind, asked.value, resolve_moe_backend(asked, config, mesh, "bfloat16").value)
`;

test("auto is EPMoE's where EPMoE is predicted to be faster", async () => {
  const tree = await wholeTree();
  const [plain, spec] = [tinySpec({ name: "plain", ep: 2 }), tinySpec({ name: "tiny" })];
  const times = "{ v6e: { fused: 30, epmoe: 20 }, v7x: { fused: 20, epmoe: 30 } }";
  const text = readFileSync(spec, "utf8")
    .replace('["v6e"]', '["v6e", "v7x", "v5p"]')
    .replace("bd: 256 }", `bd: 256, predicted: ${times} }`);
  writeFileSync(spec, text);
  expect((await moegen(["build", plain, "--into", tree])).code).toBe(0);
  const path = (name: string): string => join(tree, "sgl_jax", "srt", name);
  const backend = (): string => readFileSync(path("layers/moe_backend.py"), "utf8");
  const before = backend();
  expect(before).not.toContain("predicted");
  expect((await moegen(["build", spec, "--into", tree])).code).toBe(0);
  const { stdout } = await execa(await ensureTreeEnvironment(trees.pypi.surface.jax), ["-"], {
    cwd: tree,
    input: SCRIPT,
    env: { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1" },
  });
  expect(stdout.split("\n")).toEqual([
    "TPU v6 lite auto epmoe",
    "TPU v6 lite fused fused",
    "TPU7x auto fused",
    "TPU7x fused fused",
    "TPU v5p auto fused",
    "TPU v5p fused fused",
  ]);
  // With the predicted kernel goes the question.
  expect((await moegen(["revert", "--into", tree, "--spec", "tiny"])).code).toBe(0);
  expect(backend()).toBe(before);
});

test.runIf(long)(
  "of several schedules the best of each bucket is compared, and their folders go with them",
  async () => {
    const tree = await wholeTree();
    const before = contents(tree);
    const spec = tinySpec({ name: "tiny" });
    const times = (gather: number, gmm: number): string =>
      `predicted: { v6e: { gather: ${gather}, gmm: ${gmm}, epmoe: 20 }, v7x: { gather: 30, gmm: 40, epmoe: 20 } }`;
    const buckets = `few: { upTo: 16, ${times(15, 60)} }, many: { upTo: 64, ${times(60, 15)} }`;
    const text = readFileSync(spec, "utf8")
      .replace('["v6e"]', '["v6e", "v7x"]')
      .replace(
        /schedule: .*/,
        `schedule: { kind: "auto", among: ["gather", "gmm"], tiles: { ${buckets} } },`,
      );
    writeFileSync(spec, text);
    const built = await moegen(["build", spec, "--into", tree]);
    expect(built.stdout + built.stderr).toContain("tiny/gmm/kernel.py");
    expect(built.code).toBe(0);
    const again = await moegen(["build", spec, "--into", tree, "--json"]);
    expect(again.code).toBe(0);
    // Neither schedule alone is faster than EPMoE on v6e; on v7x both are slower.
    const { stdout } = await execa(await ensureTreeEnvironment(trees.pypi.surface.jax), ["-"], {
      cwd: tree,
      input: SCRIPT,
      env: { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1" },
    });
    expect(stdout.split("\n").slice(0, 3)).toEqual([
      "TPU v6 lite auto fused",
      "TPU v6 lite fused fused",
      "TPU7x auto epmoe",
    ]);
    expect((await moegen(["revert", "--into", tree])).code).toBe(0);
    expect(contents(tree)).toEqual(before);
  },
);
