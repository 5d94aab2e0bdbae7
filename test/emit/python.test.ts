/** Generated Python of any legal spec: stands alone, imports, and passes the tree's own tools. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emitPackage } from "../../src/emit/index.ts";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import { isStreamed } from "../../src/plan/call.ts";
import { writePackage } from "../../src/runner/local.ts";
import { randomPlans, severalPlans } from "../fuzz/plans.ts";
import { long } from "../long.ts";

const COUNT = long ? 40 : 20;
const random = randomPlans(COUNT, 31);
const SEVERAL = 3;
const several = severalPlans(SEVERAL, 31);
const plans = [...random, ...several];
const python = interpreterOf(checkoutEnvironment);
let folder = "";
let texts: ReadonlyMap<string, string> = new Map();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "moegen-emit-"));
  for (const plan of plans) {
    const files = await emitPackage(plan);
    await writePackage(files, folder, plan.name);
    texts = new Map([...texts, ...files]);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a tool says is wrong; nothing when all is well. */
async function complaints(args: readonly string[]): Promise<string> {
  const ran = await execa(python, args, { cwd: folder, reject: false, all: true });
  return ran.exitCode === 0 ? "" : `exit code ${ran.exitCode}\n${ran.all}`;
}

describe(`packages of ${COUNT} random legal specs`, () => {
  test("cover what a template can branch on", () => {
    const reasons = [...texts.values()].join().match(/(?<=decided_by=)"\w+"/g);
    expect(reasons).toContain('"spec"');
    expect([random, several].map(({ length }) => length)).toEqual([COUNT, SEVERAL]);
    // A folder for each schedule, beside one entry.
    const members = ["gather", "runs", "gmm", "gather_hbm_sums", "gather_hbm_results"];
    const kernels = members.map((name) => `three_0/${name}/kernel.py`);
    expect(kernels.filter((file) => !texts.has(file))).toEqual([]);
    const kinds = (key: (plan: (typeof plans)[number]) => unknown): number =>
      new Set(plans.map(key)).size;
    expect(kinds(({ schedule }) => schedule)).toBe(4);
    expect(kinds(({ layer }) => layer.dtype)).toBe(2);
    expect(kinds(({ layer }) => layer.routing.where)).toBe(2);
    expect(kinds(({ layer: { activation: a } }) => (typeof a === "string" ? a : a.kind))).toBe(8);
    expect(kinds(({ layer }) => layer.weights)).toBe(4);
    const routing = plans.flatMap(({ layer }) =>
      layer.routing.where === "kernel" ? Object.keys(layer.routing) : [],
    );
    for (const choice of ["groups", "correctionBias", "scoreChosen", "scoreNear", "logitSoftCap"]) {
      expect(routing).toContain(choice);
    }
    expect(kinds(({ layer }) => layer.identityExperts !== undefined)).toBe(2);
    expect(kinds(({ mesh }) => mesh.ep)).toBeGreaterThan(4);
    expect(kinds(({ kernels }) => isStreamed(kernels))).toBe(2);
    expect(kinds(({ emit }) => emit.reference)).toBe(2);
    expect(Math.max(...plans.map(({ name }) => name.length))).toBeGreaterThan(50);
  });

  test("know nothing of moegen and keep to 100 columns where Black can", () => {
    for (const [file, text] of texts) {
      expect(text, file).not.toMatch(/^\s*(?:from|import)\s+moegen/m);
      expect(text, file).not.toMatch(/undefined|\[object/);
      // A text may speak of NaN; in code it is jnp.nan.
      const code = text.replace(/"""[\s\S]*?"""|#.*$/gm, "");
      expect(code, file).not.toMatch(/NaN\b/);
      expect(text.endsWith("\n") && !text.endsWith("\n\n"), file).toBe(true);
    }
  });

  test("leave Black with nothing to do", async () => {
    expect(await complaints(["-m", "black", "--check", "--diff", "-q", "-l", "100", "."])).toBe("");
  });

  test("leave isort with nothing to do, at its own 88 columns as the trees have it", async () => {
    const args = ["--check-only", "--diff", "--profile", "black", "."];
    expect(await complaints(["-m", "isort", ...args])).toBe("");
  });

  test("leave ruff with nothing to do", async () => {
    const rules = ["--isolated", "--no-cache", "--line-length", "100", "--target-version", "py311"];
    const chosen = ["--select", "E,F,I,B,UP,W", "--ignore", "B905"];
    const args = ["check", "--output-format", "concise", ...rules, ...chosen, "."];
    expect(await complaints(["-m", "ruff", ...args])).toBe("");
  });

  test("compile, and import under their own names with nothing but JAX beside them", async () => {
    expect(await complaints(["-m", "compileall", "-q", "."])).toBe("");
    const names = readdirSync(folder);
    expect(names.sort()).toEqual(plans.map(({ name }) => name).sort());
    const script = [
      "import importlib, sys",
      "sys.path.insert(0, sys.argv[1])",
      "for name in sys.argv[2:]:",
      "    package = importlib.import_module(name)",
      "    assert callable(package.fused_ep_moe), name",
      "    assert package.__file__.startswith(sys.argv[1]), package.__file__",
      "    assert all(hasattr(package, item) for item in package.__all__), name",
      "known = [name for name in sys.modules if name.split('.')[0].startswith('moegen')]",
      "assert not known, known",
    ].join("\n");
    // -I: neither PYTHONPATH nor the working directory helps.
    expect(await complaints(["-I", "-c", script, folder, ...names])).toBe("");
  });
});
