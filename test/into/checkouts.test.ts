/**
 * The proof on real checkouts of sgl-jax: epmoe and the generated kernel give the same greedy
 * tokens, and a wrong generator is caught. It runs where MOEGEN_SGLJAX_2025_12 or
 * MOEGEN_SGLJAX_HEAD names a checkout, for some minutes each, and says loudly where none does.
 */
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { moegen, type Ran, root } from "../cli/moegen.ts";
import { type CheckoutName, checkoutOf, copyOf, specFor } from "./checkouts.ts";
import { type Checkpoint, decode, type Job } from "./decode.ts";
import { alter, contents } from "./tree.ts";

const MINUTE = 60_000;
const TOKENS = 16;

/**
 * Checkpoints, each with a prompt of seven tokens (which four devices do not divide) whose sixteen
 * greedy tokens are chosen by a margin of at least so many logits, of a standard deviation near 1.
 */
const CASES: readonly (Checkpoint & { prompt: readonly number[]; margin: number })[] = [
  {
    model: "qwen3_moe",
    dtype: "float32",
    prompt: [497, 374, 324, 279, 287, 478, 144],
    margin: 0.08,
  },
  {
    model: "qwen3_moe",
    dtype: "bfloat16",
    prompt: [129, 220, 478, 344, 226, 107, 396],
    margin: 0.06,
  },
  {
    model: "qwen2_moe",
    dtype: "float32",
    prompt: [438, 354, 203, 467, 286, 421, 55],
    margin: 0.12,
  },
  {
    model: "qwen2_moe",
    dtype: "bfloat16",
    prompt: [438, 354, 203, 467, 286, 421, 55],
    margin: 0.1,
  },
  { model: "ling", dtype: "float32", prompt: [91, 102, 193, 497, 17, 344, 152], margin: 0.09 },
  { model: "ling", dtype: "bfloat16", prompt: [243, 318, 458, 61, 236, 152, 387], margin: 0.06 },
  { model: "grok", dtype: "bfloat16", prompt: [488, 102, 257, 28, 219, 484, 318], margin: 0.06 },
];

const FOUR = { mesh: [1, 4], ep: 4 } as const;
const ONE = { mesh: [1, 1], ep: 1 } as const;
const BACKEND = { "2025-12": "fused", head: "fused_generated" } as const;

const build = (tree: string, specs: readonly string[], ...flags: string[]): Promise<Ran> =>
  moegen(["build", ...specs, "--into", tree, ...flags]);

function caseOf(model: Checkpoint["model"], dtype: Checkpoint["dtype"]): Omit<Job, "backend"> {
  const found = CASES.find((one) => one.model === model && one.dtype === dtype);
  if (found === undefined) throw new Error(`no case of ${model} in ${dtype}`);
  return { ...found, ...ONE, tokens: TOKENS };
}

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

    test(
      "built, clean under the tree's linters, taken back byte for byte",
      async () => {
        const tree = await clean();
        const before = contents(tree);
        const specs = CASES.map((one) => specFor(one, 4));
        const built = await build(tree, specs, "--json");
        expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
        expect((await build(tree, specs, "--check")).code).toBe(0);
        const after = contents(tree);
        const changed = [...after.keys()].filter(
          (path) => !path.startsWith(".moegen/") && after.get(path) !== before.get(path),
        );
        expect(await lint(tree, changed)).toEqual([]);
        expect((await moegen(["revert", "--into", tree])).code).toBe(0);
        expect(contents(tree)).toEqual(before);
      },
      10 * MINUTE,
    );

    test(
      "the same tokens from epmoe and from the generated kernel",
      async () => {
        const tree = await clean();
        const onOne = CASES.filter(
          ({ model, dtype }) => dtype === "bfloat16" && model !== "qwen2_moe",
        );
        const specs = [
          ...CASES.map((one) => specFor(one, 4)),
          ...onOne.map((one) => specFor(one, 1)),
        ];
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
        jobs("both").forEach(({ model, dtype, ep }, index) => {
          const what = `${model} ${dtype} ep ${ep}`;
          const margin = CASES.find((one) => one.model === model && one.dtype === dtype)?.margin;
          expect(fused[index], what).toMatchObject({ backend: BACKEND[name] });
          expect(fused[index]?.ids, what).toEqual(epmoe[index]?.ids);
          expect(epmoe[index]?.ids?.[0], what).toHaveLength(TOKENS);
          expect(Math.min(...(epmoe[index]?.margins?.[0] ?? [0])), what).toBeGreaterThan(
            margin ?? 0,
          );
        });
      },
      40 * MINUTE,
    );

    test(
      "auto is decided by the expert parallelism",
      async () => {
        const tree = await clean();
        expect((await build(tree, [specFor(caseOf("qwen3_moe", "bfloat16"), 4)])).code).toBe(0);
        const job = { ...caseOf("qwen3_moe", "bfloat16"), backend: "auto", tokens: 1 };
        const answers = await decode(join(tree, "python"), surface.jax, [
          { ...job, ...FOUR },
          { ...job, mesh: [1, 4], ep: 2 },
        ]);
        expect(answers.map(({ backend }) => backend)).toEqual([BACKEND[name], "epmoe"]);
      },
      10 * MINUTE,
    );
  });
}

/** Faults that #511 had, put into the generated code: the proof must fail for each. */
const FAULTS: readonly {
  readonly what: string;
  readonly path: string;
  readonly change: (text: string) => string;
  readonly job: Partial<Job> & Pick<Job, "model" | "dtype">;
  /** How the model stops; absent: it says other tokens. */
  readonly stops?: RegExp;
}[] = [
  {
    what: "auto does not see the expert parallelism",
    path: "srt/layers/moe_backend.py",
    change: (text) => text.replace("else _obstacle(model_config, ep_size, mesh)", "else None"),
    job: { model: "qwen3_moe", dtype: "float32", backend: "auto", mesh: [1, 4], ep: 2 },
    stops: /expected ep_size 4, got 2/,
  },
  {
    what: "the scores are softmaxed twice",
    path: "srt/layers/fused_moe.py",
    change: (text) =>
      text.replace(
        "self.w2.value, router_scores]",
        "self.w2.value, jax.nn.softmax(router_scores)]",
      ),
    job: { model: "qwen3_moe", dtype: "float32" },
  },
  {
    what: "Ling's correction bias is dropped",
    path: "srt/layers/fused_moe.py",
    change: (text) =>
      text.replace("inputs.append(correction_bias)", "inputs.append(0 * correction_bias)"),
    job: { model: "ling", dtype: "float32" },
  },
  {
    what: "Ling's groups are dropped",
    path: "srt/kernels/fused_moe/tiny_ling_f32_ep1/shapes.py",
    change: (text) => text.replace("GROUPS_KEPT = 2", "GROUPS_KEPT = 4"),
    job: { model: "ling", dtype: "float32" },
  },
  {
    what: "Ling's scaling is dropped",
    path: "srt/kernels/fused_moe/tiny_ling_f32_ep1/shapes.py",
    change: (text) => text.replace("ROUTED_SCALING_FACTOR = 2.5", "ROUTED_SCALING_FACTOR = 1.0"),
    job: { model: "ling", dtype: "float32" },
  },
  {
    what: "Grok's weights go to a path that does not exist",
    path: "srt/models/grok.py",
    change: (text) =>
      text.replace(
        'f"{target_prefix}.block_sparse_moe.experts",',
        'f"{target_prefix}.block_sparse_moe",',
      ),
    job: { model: "grok", dtype: "bfloat16" },
    stops: /not a valid param path/,
  },
  {
    what: "tokens must divide by the devices",
    path: "srt/layers/fused_moe.py",
    change: (text) =>
      text.replace(
        "[hidden_states.astype(self.dtype),",
        '[jax.sharding.reshard(hidden_states.astype(self.dtype), P("tensor", None)),',
      ),
    job: { model: "qwen3_moe", dtype: "float32", ...FOUR },
    stops: /does not evenly divide|divisible/,
  },
];

const december = checkoutOf("2025-12");

describe.skipIf(december === undefined)("a wrong generator is caught", () => {
  const REFERENCE = trees["2025-12"].surface.jax;

  test(
    "each reproduced fault of #511 changes the tokens or stops the model",
    async () => {
      const tree = await copyOf(december ?? "");
      const cases = [
        caseOf("qwen3_moe", "float32"),
        caseOf("ling", "float32"),
        caseOf("grok", "bfloat16"),
      ];
      const specs = [
        ...cases.map((one) => specFor(one, 1)),
        specFor(caseOf("qwen3_moe", "float32"), 4),
      ];
      expect((await build(tree, specs)).code).toBe(0);
      const python = join(tree, "python");
      const right = cases.map((one) => ({ ...one, backend: "epmoe" }));
      const answers = await decode(python, REFERENCE, right);
      for (const { what, path, change, job, stops } of FAULTS) {
        const file = join("python", "sgl_jax", path);
        const whole = contents(tree).get(file) ?? "";
        alter(tree, file, change);
        const [wrong] = await decode(python, REFERENCE, [
          { backend: "fused", ...caseOf(job.model, job.dtype), ...job },
        ]);
        const expected = answers[right.findIndex(({ model }) => model === job.model)];
        if (stops === undefined) {
          expect(wrong?.ids?.[0], what).toHaveLength(TOKENS);
          expect(wrong?.ids, what).not.toEqual(expected?.ids);
        } else expect(wrong?.error, what).toMatch(stops);
        alter(tree, file, () => whole);
      }
    },
    20 * MINUTE,
  );
});
