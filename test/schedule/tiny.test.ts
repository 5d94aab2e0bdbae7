/** A second schedule, registered in a copy of the source: what the contract promises is done. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { long } from "../long.ts";

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
      .replace(/(const registry = \{.*) \} as const/, "$1, tiny } as const");
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

  describe("beside gather, in one package", () => {
    const decided = (gather: readonly number[], tiny: readonly number[]): string => {
      const buckets = [64, 256].map((upTo, at) => {
        const times = `{ gather: ${gather[at]}, tiny: ${tiny[at]}, epmoe: 90 }`;
        return `to${upTo}: { upTo: ${upTo}, predicted: { v6e: ${times} } }`;
      });
      return spec("").replace(
        /kind: "tiny".*/,
        `kind: "auto", among: ["gather", "tiny"], tiles: { ${buckets.join(", ")} } },`,
      );
    };
    const written = (name: string, text: string): string => {
      writeFileSync(join(copy, "test", name), text);
      return `test/${name}`;
    };
    const modules = (folder: string): readonly string[] =>
      readdirSync(join(copy, "out", folder))
        .filter((name) => !name.startsWith("__pycache__"))
        .sort();

    test("each has a folder, and the table says which runs where and why", async () => {
      const path = written("two.moe.ts", decided([40, 94.2], [61, 61]));
      expect((await moegen("build", path, "-o", "out", "--json")).code).toBe(0);
      expect(modules("small")).toEqual([
        ...["__init__.py", "gather", "kernel.py", "reference.py", "selection.py"],
        ...["tiles.py", "tiny"],
      ]);
      expect(modules("small/tiny")).toEqual(["__init__.py", "kernel.py", "tiles.py"]);
      const table = readFileSync(join(copy, "out", "small", "tiles.py"), "utf8");
      for (const [upTo, schedule, us, next, margin] of [
        [64, "gather", "40.0", "tiny", "0.53"],
        [256, "tiny", "61.0", "gather", "0.54"],
      ]) {
        const entry = new RegExp(
          `up_to=${upTo},\\s+schedule="${schedule}",\\s+decided_by="prediction",\\s+predicted_us=${us},\\s+` +
            `runner_up="${next}",\\s+margin=${margin},\\s+epmoe_us=90.0,`,
        );
        expect(table).toMatch(entry);
      }
      // Each has the buckets that it runs, and no others.
      const own = (kind: string): string =>
        readFileSync(join(copy, "out", "small", kind, "tiles.py"), "utf8");
      expect(own("gather").match(/up_to=\d+/g)).toEqual(["up_to=64"]);
      expect(own("tiny").match(/up_to=\d+/g)).toEqual(["up_to=256"]);
      expect((await moegen("build", path, "-o", "out", "--check", "--json")).code).toBe(0);
    });

    test("what no longer wins anywhere is taken away, what somebody put beside it stays", async () => {
      const notes = join(copy, "out", "small", "gather", "notes.txt");
      writeFileSync(notes, "mine");
      const path = written("two.moe.ts", decided([40, 40], [61, 61]));
      const built = onlyObject(await moegen("build", path, "-o", "out", "--json"));
      expect(JSON.stringify(built)).toContain('"small/tiny/kernel.py","state":"stale"');
      // One schedule alone is its own package.
      expect(modules("small")).not.toContain("tiny");
      expect(modules("small/gather")).toEqual(["notes.txt"]);
      expect(readFileSync(notes, "utf8")).toBe("mine");
      rmSync(join(copy, "out", "small"), { recursive: true });
    });

    test("it is not built before anybody predicted which is faster", async () => {
      const path = written("open.moe.ts", decided([], []).replace(/, predicted: \{.*?\} \}/g, ""));
      const built = await moegen("build", path, "-o", "out", "--json");
      expect(built.code).toBe(1);
      expect(built.stdout).toContain("MOE152");
      expect(built.stdout).toContain("moegen predict SPEC --write");
    });

    test.runIf(long)(
      "predict --write decides: every schedule is compiled and predicted",
      async () => {
        const path = written(
          "open.moe.ts",
          decided([], []).replace(/, predicted: \{.*?\} \}/g, ""),
        );
        const predicted = await moegen("predict", path, "--write", "--json");
        expect(predicted.stderr).not.toContain("MOE152");
        expect(predicted.code).toBe(0);
        const text = readFileSync(join(copy, path), "utf8");
        const time = "[\\d.]+";
        const entry = `predicted: { v6e: { gather: ${time}, tiny: ${time}, epmoe: ${time} } }`;
        expect(text.match(new RegExp(entry, "g"))).toHaveLength(2);
        expect((await moegen("build", path, "-o", "out", "--json")).code).toBe(0);
      },
    );

    test("both are validated on simulated devices, through one entry point", async () => {
      const path = written("two.moe.ts", decided([40, 94.2], [61, 61]));
      const chosen = ["--case", "uniform", "--json"];
      const result = onlyObject(await moegen("validate", path, ...chosen)) as {
        ok: boolean;
        cases: { tokens: number; ok: boolean }[];
      };
      expect(result.ok).toBe(true);
      // T of a call of each: on both sides of where the table changes.
      expect(result.cases.map(({ tokens }) => tokens).sort()).toEqual([32, 64]);
    });

    test("explain says who runs which bucket, and why", async () => {
      const path = written("two.moe.ts", decided([40, 94.2], [61, 61]));
      const { stdout } = await moegen("explain", path);
      expect(stdout).toMatch(/to64 +v6e +gather +predicted: gather 40 us, tiny 61 us/);
      expect(stdout).toMatch(/to256 +v6e +tiny +predicted: tiny 61 us, gather 94.2 us/);
    });

    test("both are compiled through one entry point", async () => {
      const path = written("two.moe.ts", decided([40, 94.2], [61, 61]));
      const { targets } = onlyObject(await moegen("compile", path, "--json")) as {
        targets: { fits: boolean; tokens: number; bundles: { total: number } }[];
      };
      expect(targets.map(({ fits, tokens }) => [fits, tokens])).toEqual([
        [true, 64],
        [true, 256],
      ]);
    });
  });
});
