/** What was compiled is not compiled again, and nothing else than what was compiled is believed. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, expect, it } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { CompileCache, compileSpec } from "../../src/runner/index.ts";
import { emptyFolder, moegen, qwen } from "../cli/moegen.ts";
import { countingPython } from "./known.ts";

const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

/** Compiles in this process with the Python that counts. */
async function counting() {
  const made = countingPython(emptyFolder());
  Object.assign(process.env, made.env);
  const { plan } = await checkFile(qwen);
  if (plan === undefined) throw new Error("the example has a plan");
  const compile = async (tokens: readonly number[] = [64], cache = CompileCache.usual()) => {
    const options = { devices: ["v6e"], tokens, profile: true, ...(cache && { cache }) };
    return (await compileSpec(plan, options)).targets;
  };
  const known = async (...args: Parameters<typeof compile>) =>
    (await compile(...args)).map((target) => target.known);
  return { ...made, compile, known };
}

function entryOf(cache: string): string {
  const [path, ...more] = readdirSync(cache, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json.gz"))
    .map((name) => join(cache, name));
  expect(more).toEqual([]);
  return path ?? "";
}

it("predict, profile and compile of an unchanged spec start no worker a second time", async () => {
  const cwd = emptyFolder();
  const { env, starts } = countingPython(cwd);
  const scope = [qwen, "--device", "v6e", "--tokens", "64", "--json"];
  const first = await moegen(["predict", ...scope], { cwd, env });
  expect([first.code, starts()]).toEqual([0, 1]);
  const again = ["predict", "profile", "compile"].map((name) =>
    moegen([name, ...scope], { cwd, env }),
  );
  const ran = await Promise.all(again);
  expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(ran[0]?.stdout).toBe(first.stdout);
  expect(starts()).toBe(1);
  expect((await moegen(["compile", ...scope, "--fresh"], { cwd, env })).code).toBe(0);
  expect(starts()).toBe(2);
});

it("compiles again where T, a setting, or the compiler is another", async () => {
  const { known, packages, starts } = await counting();
  expect(await known()).toEqual([false]);
  expect(await known([64, 128])).toEqual([true, false]);
  process.env.JAX_ENABLE_X64 = "1";
  expect(await known()).toEqual([false]);
  process.env.TPU_LIBRARY_PATH = "/somewhere/libtpu.so";
  expect([await known(), await known()]).toEqual([[false], [false]]);
  delete process.env.TPU_LIBRARY_PATH;
  process.env.MOEGEN_COMPILE_CACHE = "off";
  expect(CompileCache.usual()).toBeUndefined();
  process.env.MOEGEN_COMPILE_CACHE = before.MOEGEN_COMPILE_CACHE;
  renameSync(join(packages, "libtpu-1.0.dist-info"), join(packages, "libtpu-1.1.dist-info"));
  expect([await known(), await known()]).toEqual([[false], [true]]);
  expect(starts()).toBe(6);
});

it("believes no entry that is damaged, another's, of another shape, or no file", async () => {
  const { compile, starts, cache } = await counting();
  const right = await compile();
  const path = entryOf(cache);
  const good = readFileSync(path);
  const entry = JSON.parse(gunzipSync(good).toString("utf8"));
  const { raw } = entry;
  const regions = [{ ...raw.bundles.profile.regions[0], loop: 7 }];
  const profile = { ...raw.bundles.profile, regions };
  const write = (value: unknown) => writeFileSync(path, gzipSync(JSON.stringify(value)));
  const harms: readonly (() => void)[] = [
    () => writeFileSync(path, ""),
    () => writeFileSync(path, good.subarray(0, good.length - 9)),
    () => write({ ...entry, key: `0${entry.key.slice(1)}` }),
    () => write({ ...entry, raw: { ...raw, codeBytes: -1 } }),
    // An index into loops that there are not.
    () => write({ ...entry, raw: { ...raw, bundles: { ...raw.bundles, profile } } }),
    // What unpacks to more than there may be, and what would be waited for without an end.
    () => writeFileSync(path, gzipSync(Buffer.alloc(80 << 20))),
    () => execFileSync("mkfifo", [path]),
  ];
  for (const [at, harm] of harms.entries()) {
    rmSync(path);
    harm();
    expect(await compile(), `harm ${at}`).toEqual(right);
    expect(starts(), `harm ${at}`).toBe(at + 2);
    // It was written anew.
    expect(gunzipSync(readFileSync(path)).length).toBe(gunzipSync(good).length);
  }
});

it("serves writers at the same time, and one that cannot write", async () => {
  const { known, cache, starts } = await counting();
  const found = (await Promise.all([known(), known(), known()])).flat();
  // A slow one may find what a quick one wrote: who found nothing has compiled.
  const compiled = found.filter((hit) => !hit).length;
  expect(found).toHaveLength(3);
  expect(compiled).toBeGreaterThan(0);
  expect(compiled).toBeLessThanOrEqual(starts());
  expect(entryOf(cache)).toContain(".json.gz");
  expect(await known()).toEqual([true]);
  const file = join(emptyFolder(), "no-folder");
  writeFileSync(file, "");
  expect(await known([64], new CompileCache(file))).toEqual([false]);
});
