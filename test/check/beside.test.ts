/** What lies beside a config is asked for, where the spec does not say what the weights are. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkPath } from "../../src/check/check.ts";
import { fakes } from "./fake-schedule.ts";
import { QWEN, specText } from "./marked.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moegen-beside-"));
  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({ ...QWEN, moe_intermediate_size: 768 }),
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const NVFP4 = {
  quantization: { quant_algo: "NVFP4", group_size: 16, exclude_modules: ["lm_head"] },
};

async function check(layer: string, imports = "") {
  const head = 'import config from "./config.json" with { type: "json" };\n';
  const path = join(folder, "spec.moe.ts");
  await writeFile(path, head + imports + specText({ layer }));
  const { diagnostics, plan } = await checkPath(path, fakes);
  return { said: diagnostics.map(({ code, message }) => `${code} ${message}`), plan };
}

const put = (name: string, value: unknown = NVFP4): Promise<void> =>
  writeFile(join(folder, name), JSON.stringify(value));

describe("a quantisation file beside the config", () => {
  test.each([
    "hf_quant_config.json",
    "quantize_config.json",
    "quant_config.json",
    "config_hf_quant_config.json",
  ])("%s that the spec passes over is an error", async (name) => {
    await put(name);
    const { said, plan } = await check("moe.fromHuggingFace(config)");
    expect(said).toEqual([
      `MOE306 ${name} lies beside ./config.json, and the spec does not say what it is for`,
    ]);
    expect(plan).toBeUndefined();
  });

  test("is answered by quantization", async () => {
    await put("hf_quant_config.json");
    const { said, plan } = await check('moe.fromHuggingFace(config, { quantization: "none" })');
    expect(said).toEqual([]);
    expect(plan).toBeDefined();
  });

  test("is read where the spec imports it", async () => {
    await put("hf_quant_config.json");
    const { said } = await check(
      "moe.fromHuggingFace(config, { quantConfig })",
      'import quantConfig from "./hf_quant_config.json" with { type: "json" };\n',
    );
    expect(said).toEqual([]);
  });

  test("is not asked for where there is none, or the layer is written out", async () => {
    expect((await check("moe.fromHuggingFace(config)")).said).toEqual([]);
    await put("hf_quant_config.json");
    expect((await check("{ ...moe.fromHuggingFace(config) }")).said).toEqual([]);
  });
});
