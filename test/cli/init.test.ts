import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { publishedModels } from "../../src/cli/init/models.ts";
import { starterFromModel } from "../../src/cli/init/starter.ts";
import { emptyFolder, moegen, onlyObject, root } from "./moegen.ts";
import { QWEN } from "./qwen.ts";

describe("moegen init", () => {
  it.each(publishedModels())("starts from %s with its spec and its config", (model) => {
    const { spec, files } = starterFromModel(model);
    expect(spec).toBe(`${model}.moe.ts`);
    const imported = [...(files.get(spec) ?? "").matchAll(/from "\.\/([^"]+)"/g)];
    expect(imported.length).toBeGreaterThan(0);
    for (const [, name = ""] of imported) expect(JSON.parse(files.get(name) ?? "")).toBeDefined();
  });

  it.each(["qwen3-30b-a3b", "grok-2-fp8"])(
    "starts from %s with a spec that checks",
    async (model) => {
      const cwd = emptyFolder();
      const ran = await moegen(["init", "--model", model, "--json"], { cwd });
      expect(ran.code).toBe(0);
      expect(onlyObject(ran)).toMatchObject({
        status: "ok",
        spec: `${model}.moe.ts`,
        checks: true,
      });
    },
  );

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

  /** A fresh npm project with moegen in it. */
  const project = (type: "commonjs" | "module"): string => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "package.json"), JSON.stringify({ name: "fresh", type }));
    mkdirSync(join(cwd, "node_modules"));
    symlinkSync(root, join(cwd, "node_modules/moegen"));
    return cwd;
  };
  const typed = (cwd: string) =>
    execa(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", cwd], {
      reject: false,
    });

  it.each(["commonjs", "module"] as const)("is without red in an editor: %s", async (type) => {
    const cwd = project(type);
    expect((await moegen(["init", "--model", "qwen3-30b-a3b"], { cwd })).code).toBe(0);
    expect(await typed(cwd)).toMatchObject({ stdout: "", exitCode: 0 });
    // The types are there: a wrong value is red.
    const spec = join(cwd, "qwen3-30b-a3b.moe.ts");
    writeFileSync(spec, readFileSync(spec, "utf8").replace("ep: 4", 'ep: "4"'));
    expect((await typed(cwd)).stdout).toContain("TS2322");
  });

  it("says what a project's own settings lack, and leaves them", async () => {
    const cwd = project("commonjs");
    const own = '{ "compilerOptions": { "module": "nodenext", "resolveJsonModule": false } }\n';
    writeFileSync(join(cwd, "tsconfig.json"), own);
    const ran = await moegen(["init", "--model", "qwen3-30b-a3b"], { cwd });
    expect(ran.stdout).toContain('"resolveJsonModule": true in compilerOptions of tsconfig.json');
    expect(ran.stdout).toContain('"type": "module" in package.json');
    expect(readFileSync(join(cwd, "tsconfig.json"), "utf8")).toBe(own);
    writeFileSync(join(cwd, "tsconfig.json"), '{ "include": ["src"] }');
    const { stdout } = await moegen(["init", "--model", "grok-2", "-o", "specs"], { cwd });
    expect(stdout).toContain('"module": "preserve" in compilerOptions');
    expect(stdout).toContain('"**/*.moe.ts" in include');
    // Followed, there is nothing left to say.
    const settings = { compilerOptions: { module: "preserve" }, include: ["**/*.moe.ts"] };
    writeFileSync(join(cwd, "tsconfig.json"), JSON.stringify(settings));
    const last = await moegen(["init", "--model", "grok-2", "-o", "specs", "--json"], { cwd });
    expect(onlyObject(last).editor).toEqual([]);
    expect(await typed(cwd)).toMatchObject({ stdout: "", exitCode: 0 });
  });

  it("names the known architectures when it meets another", async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "config.json"), '{ "architectures": ["LlamaForCausalLM"] }');
    const ran = await moegen(["init", "--config", "config.json"], { cwd });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain("LlamaForCausalLM");
    expect(ran.stderr).toContain("Llama4ForCausalLM");
  });

  it("reads an unknown architecture by its fields with --guess, and marks each guess", async () => {
    const cwd = emptyFolder();
    const config = { ...QWEN, architectures: ["MyMoeForCausalLM"], norm_topk_prob: undefined };
    writeFileSync(join(cwd, "config.json"), JSON.stringify(config));
    const refused = await moegen(["init", "--config", "config.json"], { cwd });
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain("--guess");
    const ran = await moegen(["init", "--config", "config.json", "--guess", "--json"], { cwd });
    const made = onlyObject(ran);
    expect(made).toMatchObject({ checks: true });
    const guess = "guessed: weights are divided by their sum: no field says it";
    expect(made.remarks).toContain(guess);
    expect(readFileSync(join(cwd, String(made.spec)), "utf8")).toContain(`// ${guess}`);
  });

  const shared = (name: string): string => join(root, "examples", "configs", name);

  it("takes a device that the layer runs on, says why, and what the model needs around the layer", async () => {
    const cwd = emptyFolder();
    const ran = await moegen(["init", "--config", shared("gpt-oss-120b.json"), "--json"], { cwd });
    const made = onlyObject(ran);
    expect(made).toMatchObject({ checks: true, spec: "gpt-oss.moe.ts" });
    expect(readFileSync(join(cwd, "gpt-oss.moe.ts"), "utf8")).toContain('devices: ["v7x"]');
    expect(made.remarks).toEqual([
      "v7x, ep 4: elsewhere v6e has no products with float4_e2m1fn weights",
      "the router's bias is in the logits that the kernel takes",
      "the checkpoint interleaves gate and up columns: the loader takes even ones as gate, odd ones as up",
    ]);
    const asked = ["init", "--config", shared("gpt-oss-120b.json"), "--device", "v6e", "--force"];
    expect(onlyObject(await moegen([...asked, "--json"], { cwd }))).toMatchObject({
      checks: false,
    });
  });

  it("takes an ep that divides the experts", async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "config.json"), JSON.stringify({ ...QWEN, num_experts: 6 }));
    const made = onlyObject(await moegen(["init", "--config", "config.json", "--json"], { cwd }));
    expect(made).toMatchObject({ checks: true });
    expect(readFileSync(join(cwd, "moe.moe.ts"), "utf8")).toContain("ep: 2,");
  });

  it.each([
    ["[]", "is a list; a config.json is one JSON object"],
    ["null", "is null; a config.json is one JSON object"],
    ['"x"', "is a string; a config.json is one JSON object"],
    ["7", "is a number; a config.json is one JSON object"],
    ["", "is empty; a config.json is one JSON object"],
    ["{", "is not JSON: "],
    ["{}", "architecture (none) is not known"],
    ['{ "architectures": {} }', "architecture (none) is not known"],
  ])("refuses a config that is %s", async (text, says) => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "config.json"), text);
    const ran = await moegen(["init", "--config", "config.json"], { cwd });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain(says);
    expect(readdirSync(cwd)).toEqual(["config.json"]);
  });

  /** A checkpoint's folder: its config and, by file name, headers of arrays without their data. */
  const checkpoint = (files: Readonly<Record<string, object>>, config: object = QWEN): string => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, "config.json"), JSON.stringify(config));
    for (const [name, header] of Object.entries(files)) {
      const text = name.endsWith(".json") ? JSON.stringify(header) : weights(header);
      writeFileSync(join(cwd, name), text);
    }
    return cwd;
  };
  const weights = (header: object): Buffer => {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([length, text]);
  };
  const SMALL = { ...QWEN, num_hidden_layers: 1, num_experts: 8, num_experts_per_tok: 2 };
  // Of no size, so that the file has no data: the shape is what is looked at.
  const empty = { dtype: "BF16", shape: [0, 768], data_offsets: [0, 0] };
  const experts = { "model.layers.0.mlp.experts.gate_up_proj": empty };

  it("compares a checkpoint's headers with its config, and reads files of its folder alone", async () => {
    const other = checkpoint({ "model.safetensors": experts }, SMALL);
    const refused = await moegen(["init", "--checkpoint", "."], { cwd: other });
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain(
      "gate_up_proj is BF16 [0, 768], the config says [8, 1536, 2048]",
    );
    expect(readdirSync(other)).not.toContain("qwen3-moe.moe.ts");
    const index = { weight_map: { a: "../model.safetensors" } };
    const outside = checkpoint({ "model.safetensors.index.json": index }, SMALL);
    const led = await moegen(["init", "--checkpoint", outside], { cwd: outside });
    expect(led.stderr).toContain('"../model.safetensors", no .safetensors file beside it');
    const part = checkpoint({
      "model.safetensors.index.json": { weight_map: { a: "b.safetensors" } },
    });
    const missing = await moegen(["init", "--checkpoint", part], { cwd: part });
    expect(missing.stderr).toContain("names b.safetensors, which is not there");
    const cut = checkpoint({ "model.safetensors": { a: { ...empty, data_offsets: [0, 4] } } });
    const broken = await moegen(["init", "--checkpoint", cut], { cwd: cut });
    expect(broken.stderr).toContain(
      "model.safetensors has a with 4 bytes, where BF16 [0, 768] takes 0",
    );
  });

  it("takes a folder for the config in it, and refuses a name that is none", async () => {
    const cwd = emptyFolder();
    const folder = await moegen(["init", "--config", "."], { cwd });
    expect(folder.code).toBe(64);
    expect(folder.stderr).toContain("there is no file config.json");
    const there = checkpoint({});
    expect((await moegen(["init", "--config", ".", "--json"], { cwd: there })).code).toBe(0);
    const config = shared("qwen3-30b-a3b.json");
    const named = await moegen(["init", "--config", config, "--name", "../a"], { cwd });
    expect(named.code).toBe(64);
    expect(named.stderr).toContain("--name ../a is not a Python identifier");
  });

  it("reads what Python writes beyond JSON, and keeps strings", async () => {
    const cwd = emptyFolder();
    const odd = JSON.stringify({ ...QWEN, note: "Infinity" });
    writeFileSync(join(cwd, "config.json"), `${odd.slice(0, -1)}, "limit": [0.0, -Infinity, NaN]}`);
    const made = onlyObject(await moegen(["init", "--config", "config.json", "--json"], { cwd }));
    expect(made).toMatchObject({ checks: true });
    const copy: unknown = JSON.parse(readFileSync(join(cwd, "configs", "moe.json"), "utf8"));
    expect(copy).toMatchObject({ note: "Infinity", limit: [0, Number.NEGATIVE_INFINITY, null] });
  });

  describe("beside whose config a quantisation file lies", () => {
    const beside = (quantization: object): string => {
      const cwd = emptyFolder();
      writeFileSync(join(cwd, "config.json"), JSON.stringify(QWEN));
      writeFileSync(join(cwd, "hf_quant_config.json"), JSON.stringify({ quantization }));
      return cwd;
    };

    it("refuses a format that is not read, by its name, and writes nothing", async () => {
      const cwd = beside({ quant_algo: "W4A8_AWQ", group_size: 128 });
      const ran = await moegen(["init", "--config", "config.json"], { cwd });
      expect(ran.code).toBe(64);
      expect(ran.stderr).toContain('hf_quant_config.json has "W4A8_AWQ"');
      expect(ran.stderr).toContain("--quantization none");
      expect(readdirSync(cwd).sort()).toEqual(["config.json", "hf_quant_config.json"]);
    });

    it("writes weights of the config's dtype where that is asked for", async () => {
      const cwd = beside({ quant_algo: "NVFP4", group_size: 16 });
      const args = ["init", "--config", "config.json", "--quantization", "none", "--json"];
      expect(onlyObject(await moegen(args, { cwd }))).toMatchObject({ checks: true });
      const text = readFileSync(join(cwd, "moe.moe.ts"), "utf8");
      expect(text).toContain('moe.fromHuggingFace(config, { quantization: "none" })');
    });

    it("takes it along where it says nothing of the weights", async () => {
      const cwd = beside({ quant_algo: null, kv_cache_quant_algo: "FP8" });
      const made = onlyObject(await moegen(["init", "--config", "config.json", "--json"], { cwd }));
      expect(made).toMatchObject({ checks: true });
      expect(readdirSync(join(cwd, "configs")).sort()).toEqual([
        "moe-hf_quant_config.json",
        "moe.json",
      ]);
      expect(readFileSync(join(cwd, "moe.moe.ts"), "utf8")).toContain("{ quantConfig }");
    });
  });
});
