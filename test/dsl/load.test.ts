import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
