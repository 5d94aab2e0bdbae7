import { execFile, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadSpec, SpecError } from "../../src/dsl/load.ts";

const example = new URL("../../examples/qwen3-30b-a3b.moe.ts", import.meta.url).pathname;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moegen-load-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function failure(text: string): Promise<SpecError> {
  const path = join(folder, "spec.moe.ts");
  await writeFile(path, text);
  return loadSpec(path).then(
    () => expect.unreachable("it loaded"),
    (error: unknown) => error as SpecError,
  );
}

test("loads an example with its JSON import", async () => {
  const { path, text, spec } = await loadSpec(example);
  expect(path).toBe(example);
  expect(text).toContain("export default moe({");
  expect(spec.layer).toMatchObject({ experts: 128, topK: 8, hidden: 2048, intermediate: 768 });
});

test("sees a file that changed between two loads", async () => {
  const path = join(folder, "changing.moe.ts");
  const write = (name: string): Promise<void> =>
    writeFile(
      path,
      `import { moe } from "moegen";\nexport default moe({ name: "${name}" } as never);`,
    );
  await write("before");
  expect((await loadSpec(path)).spec.name).toBe("before");
  await write("after");
  expect((await loadSpec(path)).spec.name).toBe("after");
});

describe("a failed load", () => {
  test("is a SpecError whose diagnostics point into the spec", async () => {
    const error = await failure('import { moe } from "moegen";\n\nexport default moe({ name: );\n');
    expect(error).toBeInstanceOf(SpecError);
    expect(error.diagnostics).toMatchObject([{ code: "MOE002", line: 3, column: 28 }]);
    expect(error.text).toContain("name: )");
  });

  test("of code that throws points at its line", async () => {
    const error = await failure(
      'const a = 1;\n\n  throw new Error("no " + a);\nexport default a;\n',
    );
    expect(error.diagnostics).toMatchObject([
      { code: "MOE003", line: 3, column: 3, message: "loading the spec throws: no 1" },
    ]);
  });

  test.each([
    ['throw new Error("x");\nimport { moe } from "moegen";\nexport default moe({});\n', 1],
    ['throw new Error("x"); export default 1;\n', 1],
    ['import { moe } from "moegen"; throw new Error("x");\n', 1],
    ['const a = 1;\n\nthrow new Error("x");\n\nimport "moegen";\n', 3],
    ['// a\n\nimport "moegen";\nconst f = () => {\n  throw new Error("x");\n};\nf();\n', 5],
  ])("of %j points at the line as it was written", async (text, line) => {
    const error = await failure(text);
    expect(error.diagnostics).toMatchObject([{ line, message: "loading the spec throws: x" }]);
  });

  test("of a name that moegen does not have says the name", async () => {
    const error = await failure('import { moo } from "moegen";\nexport default moo({});\n');
    expect(error.diagnostics).toMatchObject([
      { code: "MOE003", line: 2, message: "loading the spec throws: moo is not a function" },
    ]);
  });

  test.each([
    "throw null;",
    "throw { toString: 3 };",
    "export default null;",
    "export default 3;",
    "",
  ])("of %j is a diagnostic too", async (text) => {
    const error = await failure(text);
    expect(error.diagnostics).toHaveLength(1);
  });
});

describe("a spec that does not come to its end", () => {
  /** Two seconds in which nothing is computed; on a busy machine these pass before much else is seen. */
  const IDLE = { cpu: 1, beats: 8 };
  const BUSY = { cpu: 1, beats: 2400 };
  const endless = async (text: string, limits = BUSY): Promise<SpecError> => {
    const path = join(folder, "endless.moe.ts");
    await writeFile(path, text);
    return loadSpec(path, limits).then(
      () => expect.unreachable("it loaded"),
      (error: unknown) => error as SpecError,
    );
  };

  test.each([
    ["while (true);", "more than 1 s of processor time"],
    ["await 1;\nwhile (true);", "more than 1 s of processor time"],
    ["const a: never[] = [];\nfor (;;) a.length = 0;", "more than 1 s of processor time"],
    ["await new Promise(() => {});", "awaits what nothing can bring about"],
    ["setInterval(() => {}, 10);\nawait new Promise(() => {});", "waits for more than 2 s"],
    ['process.kill(process.pid, "SIGTERM");\nwhile (true);', "ends its process (SIGTERM)"],
    ["process.reallyExit(0);", "ends its process (exit code 0)"],
    ["process.abort();", "ends its process (SIGABRT)"],
    // Blocked, it can say nothing itself; nothing is computed either.
    ["Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", "waits for more than 2 s"],
    ['import { execSync } from "node:child_process";\nexecSync("sleep 20");', "waits for more"],
    ['process.kill(process.pid, "SIGKILL");\nwhile (true);', "memory is used up"],
  ])("%j", async (text, why) => {
    const limits = why.startsWith("waits") ? IDLE : BUSY;
    const { diagnostics } = await endless(`// @ts-nocheck\n${text}\nexport default 3;\n`, limits);
    expect(diagnostics).toMatchObject([{ code: "MOE006", message: expect.stringContaining(why) }]);
    // The next one is loaded as if nothing had been.
    expect((await loadSpec(example)).spec.name).toBe("qwen3_30b_a3b");
  });

  test("memory without end", async () => {
    const error = await failure(
      "const a: unknown[] = [];\nfor (;;) a.push(new Array(1e6).fill(a));\n",
    );
    expect(error.diagnostics).toMatchObject([{ code: "MOE006" }]);
    expect(error.message).toContain("the memory is used up");
  });

  test("a config that is a pipe", async () => {
    spawnSync("mkfifo", [join(folder, "config.json")]);
    const { message } = await endless('import "./config.json" with { type: "json" };\n', IDLE);
    expect(message).toContain("waits for more than 2 s");
  });

  test("messages that a spec sends itself are no answer", async () => {
    const forged = 'process.send?.({ kind: "beat" });\nprocess.send?.("made");\n';
    const error = await endless(`${forged}export default 3;\n`);
    expect(error.diagnostics).toMatchObject([{ code: "MOE005" }]);
  });

  test.each([
    "process.exit(0);",
    "process.exit();",
    "process.exit(3);",
    "try { process.exit(0); } catch {}",
    'import { exit } from "node:process";\nexit(0);',
    "await 1;\nprocess.exit(0);",
    "setTimeout(() => process.exit(0));\nawait new Promise(() => {});",
  ])("%j is an error", async (text) => {
    const error = await failure(`${text}\nexport default 3;\n`);
    expect(error.diagnostics).toMatchObject([{ code: "MOE003", severity: "error" }]);
    expect(error.message).toContain("in a spec");
  });
});

test.each([
  ["a folder", "it is a folder"],
  ["gone.moe.ts", "there is no such file"],
  ["spec.moe.json", "its name does not end in .ts"],
  ["spec.moe.json/below", "a part of its path is a file"],
  [`${"x".repeat(300)}.moe.ts`, "longer than the disk takes"],
  ["pipe.moe.ts", "no plain file"],
])("%j is no spec", async (name, why) => {
  await mkdir(join(folder, "a folder"), { recursive: true });
  await writeFile(join(folder, "spec.moe.json"), "{}");
  spawnSync("mkfifo", [join(folder, "pipe.moe.ts")]);
  const error = await loadSpec(join(folder, name)).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ diagnostics: [{ code: "MOE001" }] });
  expect((error as SpecError).diagnostics[0]?.message).toContain(why);
});

test("values that are no data arrive as what they are", async () => {
  const path = join(folder, "odd.moe.ts");
  await writeFile(
    path,
    `import { moe } from "moegen";
const layer: Record<string, unknown> = { a: undefined, f: () => 1, s: Symbol("x"), n: NaN, b: 10n };
layer.self = layer;
export default moe({ name: "odd", layer, ["__proto__"]: 1 } as never);`,
  );
  const { spec } = await loadSpec(path);
  const layer = spec.layer as unknown as Record<string, unknown>;
  expect([typeof layer.f, typeof layer.s, layer.n, layer.b]).toEqual([
    "function",
    "symbol",
    Number.NaN,
    10n,
  ]);
  expect(Object.isFrozen(spec) && Object.isFrozen(layer)).toBe(true);
});

test("a sound spec does not load ts-morph", async () => {
  const script = `
    import { createJiti } from "jiti";
    const { loadSpec } = await createJiti(import.meta.url).import(${JSON.stringify(
      new URL("../../src/dsl/load.ts", import.meta.url).pathname,
    )});
    await loadSpec(${JSON.stringify(example)});
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(loaded.some((file) => file.includes("ts-morph")));`;
  const { stdout } = await promisify(execFile)("node", ["--input-type=module", "-e", script], {
    cwd: new URL("../..", import.meta.url).pathname,
  });
  expect(stdout.trim()).toBe("false");
});
