/** A second schedule, registered in a copy of the source: what the contract promises is done. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyObject, type Ran, root } from "../cli/moegen.ts";

/** Lines of TypeScript and templates together. */
const MOST_LINES = 200;
const tiny = join(root, "test", "schedule", "tiny");

const spec = (tiles: string): string => `import { moe } from "moegen";

export default moe({
  name: "small",
  layer: {
    experts: 16,
    topK: 2,
    hidden: 1024,
    intermediate: 512,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: { kind: "tiny", tiles: { all: { upTo: 256, ${tiles} } } },
});
`;

describe("a second schedule", () => {
  let copy = "";
  const moegen = async (...args: readonly string[]): Promise<Ran> => {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [join(copy, "dist", "cli", "main.js"), ...args],
      { cwd: copy, env: { NO_COLOR: "1" }, reject: false },
    );
    return { code: exitCode, stdout, stderr };
  };

  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), "moegen-tiny-"));
    for (const name of ["src", "templates", "package.json", "package-lock.json", "tsconfig.json"]) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    for (const name of ["node_modules", "python", ".venv"]) {
      symlinkSync(join(root, name), join(copy, name));
    }
    const registry = join(copy, "src", "schedule", "registry.ts");
    // It is type-checked where it lies: from there `src` is further away.
    const own = readFileSync(join(tiny, "index.ts"), "utf8")
      .replaceAll('"../../../src/schedule/', '"../')
      .replaceAll('"../../../src/', '"../../');
    mkdirSync(join(copy, "src", "schedule", "tiny"));
    writeFileSync(join(copy, "src", "schedule", "tiny", "index.ts"), own);
    cpSync(join(tiny, "kernel.py.hbs"), join(copy, "templates", "tiny", "kernel.py.hbs"));
    // Its folder, its template, and these two places of one file: nothing else.
    const text = readFileSync(registry, "utf8")
      .replace("import type { Schedule }", 'import { tiny } from "./tiny/index.ts";\n$&')
      .replace("= { gather }", "= { gather, tiny }");
    writeFileSync(registry, text);
    mkdirSync(join(copy, "test"));
    writeFileSync(join(copy, "test", "small.moe.ts"), spec("bf: 256"));
    await execa(process.execPath, [join(copy, "src", "house", "build.mjs")], { cwd: copy });
  });

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test(`takes at most ${MOST_LINES} lines`, () => {
    const lines = ["index.ts", "kernel.py.hbs"].map(
      (name) => readFileSync(join(tiny, name), "utf8").split("\n").length - 1,
    );
    expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(MOST_LINES);
  });

  test("has types of its own: a tile that it lacks does not type-check", async () => {
    const wrong = spec("bf: 256, bt: 16").replace("  schedule:", "  // @ts-expect-error bt\n$&");
    writeFileSync(join(copy, "test", "wrong.ts"), wrong);
    const tsc = join(root, "node_modules", ".bin", "tsc");
    const { stdout } = await execa(tsc, ["--noEmit", "--pretty", "false", "-p", "tsconfig.json"], {
      cwd: copy,
      reject: false,
    });
    expect(stdout.split("\n").filter((line) => line.includes("error TS"))).toEqual([]);
  });

  test("is built, with its own fields in the tile table", async () => {
    const ran = await moegen("build", "test/small.moe.ts", "-o", "out", "--json");
    expect(ran.stderr + ran.stdout).not.toContain("fault of moegen");
    expect(ran.code).toBe(0);
    const table = readFileSync(join(copy, "out", "small", "tiles.py"), "utf8");
    expect(table).toContain("bf=256,\n            vmem_limit_bytes");
    expect(table).not.toContain("pass_tokens");
  });

  test("refuses a tile that it lacks", async () => {
    writeFileSync(join(copy, "test", "more.moe.ts"), spec("bf: 256, bt: 16"));
    const ran = await moegen("check", "test/more.moe.ts", "--json");
    expect(ran.code).not.toBe(0);
    expect(ran.stdout).toContain('"bt"');
  });

  test("is explained, with its XLA calls", async () => {
    const ran = await moegen("explain", "test/small.moe.ts", "--full");
    expect(ran.code).toBe(0);
    for (const word of ["XLA: routing", "all_gather", "reduce_scatter", "zero_sums"]) {
      expect(ran.stdout).toContain(word);
    }
  });

  test("is validated on simulated devices", async () => {
    const ran = await moegen("validate", "test/small.moe.ts", "--json");
    const result = onlyObject(ran);
    expect(result).toMatchObject({ ok: true });
    expect(ran.code).toBe(0);
  });

  test("is compiled and predicted", async () => {
    const ran = await moegen("compile", "test/small.moe.ts", "--tokens", "64", "--json");
    const { targets } = onlyObject(ran) as { targets: { fits: boolean }[] };
    expect(targets.map(({ fits }) => fits)).toEqual([true]);
    const predicted = await moegen("predict", "test/small.moe.ts", "--tokens", "64", "--json");
    expect(predicted.code).toBe(0);
    const seconds = JSON.stringify(onlyObject(predicted)).match(/"seconds":([\d.e-]+)/);
    expect(Number(seconds?.[1])).toBeGreaterThan(0);
  });
});
