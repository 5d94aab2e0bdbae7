/** Specs of several kinds of layers, and specs with errors, as init writes them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, root } from "./moegen.ts";
import { QWEN } from "./qwen.ts";

describe("moegen init", () => {
  it("writes kinds of layers where a config's layers are read differently", async () => {
    const cwd = emptyFolder();
    const config = join(root, "examples", "configs", "deepseek-v4-flash.json");
    const args = ["init", "--config", config, "--name", "v4", "--ep", "8", "--json"];
    const made = onlyObject(await moegen(args, { cwd }));
    expect(made).toMatchObject({ spec: "v4.moe.ts", checks: true, diagnostics: [] });
    const text = readFileSync(join(cwd, "v4.moe.ts"), "utf8");
    expect(text).toContain(
      "from_0: { at: { from: 0, to: 2 }, layer: moe.fromHuggingFace(config, { at: 0 }) },",
    );
    expect(text).toContain("from_3: { at: { from: 3, to: 42 }");
  });

  it("names the one kind where all layers are read otherwise than a layer for no index", async () => {
    const cwd = emptyFolder();
    const text = readFileSync(join(root, "examples/configs/deepseek-v4-flash.json"), "utf8");
    const all = { ...JSON.parse(text), num_hidden_layers: 2, num_hash_layers: 2 };
    writeFileSync(join(cwd, "config.json"), JSON.stringify(all));
    const args = ["init", "--config", "config.json", "--json"];
    expect((await moegen(args, { cwd })).code).toBe(0);
    const spec = readFileSync(join(cwd, "deepseek-v4.moe.ts"), "utf8");
    expect(spec).toContain("from_0: { at: [0, 1], layer: moe.fromHuggingFace(config, { at: 0 }) }");
  });

  it("fails where what it wrote has errors, and leaves it to be edited", async () => {
    const cwd = emptyFolder();
    const damaged = { ...QWEN, num_hidden_layers: 4, decoder_sparse_step: 0 };
    writeFileSync(join(cwd, "config.json"), JSON.stringify(damaged));
    const ran = await moegen(["init", "--config", "config.json", "--json"], { cwd });
    expect(ran.code).toBe(1);
    const result = onlyObject(ran);
    expect(result).toMatchObject({ status: "failed", checks: false });
    expect(result.diagnostics).toMatchObject([
      {
        code: "MOE305",
        message: "decoder_sparse_step is 0, not a whole number from 1 to 4",
        nearest: ["1"],
      },
    ]);
    expect(readdirSync(cwd).some((name) => name.endsWith(".moe.ts"))).toBe(true);
  });
});
