/**
 * The proof on real checkouts of sgl-jax: epmoe and the generated kernel give the same greedy
 * tokens. It runs where MOEGEN_SGLJAX_2025_12 or
 * MOEGEN_SGLJAX_HEAD names a checkout, for some minutes each, and says loudly where none does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { ensureTreeEnvironment } from "../../src/house/trees.mjs";
import { trees } from "../../src/target/tree/registry.ts";
import { moegen, root } from "../cli/moegen.ts";
import {
  BACKEND,
  build,
  CASES,
  type CheckoutName,
  caseOf,
  checkoutOf,
  copyOf,
  FOUR,
  ONE,
  specFor,
  specsFor,
  TOKENS,
} from "./checkouts.ts";
import { decode, type Job } from "./decode.ts";
import { record } from "./survey/decoded.ts";
import { contents } from "./tree.ts";

/** Findings of the tree's linters in files that moegen made or changed. */
async function lint(tree: string, paths: readonly string[]): Promise<readonly string[]> {
  const python = join(root, ".venv", "bin", "python");
  const files = paths.filter((path) => path.startsWith("python/") && path.endsWith(".py"));
  const runs = [
    ["black", "--check", "-l", "100", ...files],
    ["isort", "--check", "-q", "--profile", "black", "--src", "python", ...files],
    ["ruff", "check", "--no-cache", "--config", "python/pyproject.toml", ...files],
  ].map((args) => execa(python, ["-m", ...args], { cwd: tree, reject: false }));
  return (await Promise.all(runs)).flatMap(({ exitCode, stdout, stderr }) =>
    exitCode === 0 ? [] : [`${stdout}${stderr}`],
  );
}

for (const name of ["2025-12", "head"] satisfies CheckoutName[]) {
  const checkout = checkoutOf(name);
  const { surface } = trees[name];

  describe.skipIf(checkout === undefined)(`the ${name} tree`, () => {
    const clean = (): Promise<string> => copyOf(checkout ?? "");

    test("built, clean under the tree's linters, taken back byte for byte", async () => {
      const tree = await clean();
      const before = contents(tree);
      const specs = specsFor(name, CASES, 4);
      const built = await build(tree, specs, "--json");
      expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
      expect((await build(tree, specs, "--check")).code).toBe(0);
      const after = contents(tree);
      const changed = [...after.keys()].filter(
        (path) => !path.startsWith(".moegen/") && after.get(path) !== before.get(path),
      );
      const edited = changed.filter((path) => before.has(path)).length;
      console.info(`${name}: ${changed.length - edited} files written, ${edited} edited`);
      expect(await lint(tree, changed)).toEqual([]);
      expect((await moegen(["revert", "--into", tree])).code).toBe(0);
      expect(contents(tree)).toEqual(before);
    });

    test("the same tokens from epmoe and from the generated kernel", async () => {
      const tree = await clean();
      const onOne = CASES.filter(
        ({ model, dtype }) => dtype === "bfloat16" && model !== "qwen2_moe",
      );
      const specs = [...specsFor(name, CASES, 4), ...specsFor(name, onOne, 1)];
      expect((await build(tree, specs)).code).toBe(0);
      const jobs = (backend: string): readonly Job[] => [
        ...CASES.map((one) => ({ ...one, ...FOUR, backend, tokens: TOKENS })),
        ...onOne.map((one) => ({ ...one, ...ONE, backend, tokens: TOKENS })),
      ];
      const python = join(tree, "python");
      const fused = await decode(python, surface.jax, jobs(BACKEND[name]));
      const epmoe = [...(await decode(python, surface.jax, jobs("epmoe")))];
      // Grok's own epmoe does not load at head under its JAX; the older one lets it pass.
      const broken = jobs("epmoe").filter((_, index) => epmoe[index]?.error !== undefined);
      expect(new Set(broken.map(({ model }) => model))).toEqual(
        new Set(name === "head" ? ["grok"] : []),
      );
      for (const answer of await decode(python, "0.8.1", broken)) {
        epmoe[epmoe.findIndex(({ error }) => error !== undefined)] = answer;
      }
      for (const [index, job] of jobs(BACKEND[name]).entries()) {
        const { model, dtype, ep } = job;
        const what = `${model} ${dtype} ep ${ep}`;
        const margin = CASES.find((one) => one.model === model && one.dtype === dtype)?.margin;
        expect(fused[index], what).toMatchObject({ backend: BACKEND[name] });
        expect(fused[index]?.ids, what).toEqual(epmoe[index]?.ids);
        expect(epmoe[index]?.ids?.[0], what).toHaveLength(TOKENS);
        const smallest = Math.min(...(epmoe[index]?.margins?.[0] ?? [0]));
        expect(smallest, what).toBeGreaterThan(margin ?? 0);
        console.info(`${name}: ${what}: ${TOKENS} ids, margin ${smallest.toFixed(3)}`);
        const older = broken.some((one) => one.model === model) ? "epmoe under 0.8.1" : undefined;
        await record(checkout ?? "", surface.jax, job, older);
      }
    });

    test("its generated tests run without a TPU, and the benchmark of head", async () => {
      const tree = await clean();
      const specs = [
        specFor(caseOf("qwen3_moe", "bfloat16"), 4),
        specFor(caseOf("ling", "float32"), 2),
        specFor(caseOf("grok", "bfloat16"), 1),
      ];
      // What the tests of the back end say of a prediction.
      const [first = ""] = specs;
      const times = "predicted: { v6e: { fused: 1, epmoe: 2 } }";
      writeFileSync(first, readFileSync(first, "utf8").replace("bd: 256 }", `bd: 256, ${times} }`));
      expect((await build(tree, specs)).code).toBe(0);
      const python = await ensureTreeEnvironment(surface.jax);
      const options = {
        cwd: tree,
        reject: false,
        env: { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: "python" },
      } as const;
      const files = trees[name]
        .files([])
        .map(({ path }) => path)
        .filter((path) => /test_\w+\.py$|_test\.py$/.test(path));
      const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", ...files];
      const tests = await execa(python, pytest, options);
      expect([tests.exitCode, tests.stdout]).toEqual([0, expect.stringMatching(/ passed/)]);
      expect(tests.stdout).not.toContain("skipped");
      console.info(`${name}: ${tests.stdout.split("\n").at(-1)}`);
      if (name !== "head") return;
      const kernel = ["--kernel", "tiny_qwen3_moe_bf16_ep4", "--scenarios", "random"];
      const short = ["--num-tokens", "3", "--warmup", "0", "--benchmark-iters", "1"];
      const bench = ["-m", "benchmark.moe.bench_fused_generated", ...kernel, ...short];
      const { stdout, stderr } = await execa(python, bench, options);
      expect(stdout).toMatch(
        /\| tiny_qwen3_moe_bf16_ep4 \| random \| 3 \| \d+\.\d+ \| \d+\.\d+ \|/,
      );
      expect(stderr).toContain("times mean nothing");
    });

    test("auto is decided by the expert parallelism", async () => {
      const tree = await clean();
      expect((await build(tree, [specFor(caseOf("qwen3_moe", "bfloat16"), 4)])).code).toBe(0);
      const job = { ...caseOf("qwen3_moe", "bfloat16"), backend: "auto", tokens: 1 };
      const answers = await decode(join(tree, "python"), surface.jax, [
        { ...job, ...FOUR },
        { ...job, mesh: [1, 4], ep: 2 },
      ]);
      expect(answers.map(({ backend }) => backend)).toEqual([BACKEND[name], "epmoe"]);
    });
  });
}
