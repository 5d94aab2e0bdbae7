import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publishedModels } from "../../src/cli/init/models.ts";
import { emptyFolder, moegen, onlyObject, root } from "./moegen.ts";

describe("moegen init", () => {
  it.each(publishedModels())("starts from %s with a spec that checks", async (model) => {
    const cwd = emptyFolder();
    const ran = await moegen(["init", "--model", model, "--json"], { cwd });
    expect(ran.code).toBe(0);
    expect(onlyObject(ran)).toMatchObject({ status: "ok", spec: `${model}.moe.ts`, checks: true });
  });

  it("keeps a file that is there, unless told", async () => {
    const cwd = emptyFolder();
    const spec = join(cwd, "grok-2.moe.ts");
    writeFileSync(spec, "// mine\n");
    const refused = await moegen(["init", "--model", "grok-2"], { cwd });
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain("--force");
    expect(readFileSync(spec, "utf8")).toBe("// mine\n");
    expect((await moegen(["init", "--model", "grok-2", "--force"], { cwd })).code).toBe(0);
    expect(readFileSync(spec, "utf8")).toContain("grok_2");
  });

  it("writes a spec around a config.json", async () => {
    const cwd = emptyFolder();
    const config = join(root, "examples", "configs", "qwen3-30b-a3b.json");
    const args = ["init", "--config", config, "--name", "my_moe", "--device", "v6e,v7x", "--json"];
    const ran = await moegen(args, { cwd });
    expect(ran.code).toBe(0);
    expect(onlyObject(ran)).toMatchObject({ spec: "my-moe.moe.ts", checks: true });
    expect(readFileSync(join(cwd, "my-moe.moe.ts"), "utf8")).toContain('devices: ["v6e", "v7x"]');
  });

  it("names the known architectures when it meets another", async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "config.json"), '{ "architectures": ["LlamaForCausalLM"] }');
    const ran = await moegen(["init", "--config", "config.json"], { cwd });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain("LlamaForCausalLM");
    expect(ran.stderr).toContain("Qwen3MoeForCausalLM");
  });
});
