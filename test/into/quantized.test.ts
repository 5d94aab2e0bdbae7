/**
 * Quantised weights in the newest tree, the only one whose layers have them: epmoe and the generated
 * kernel give the same greedy tokens with the tree's own quantisation, at load and of a checkpoint that
 * has its scales. Runs where MOEGEN_SGLJAX_HEAD names a checkout, and says loudly where none does.
 */
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { ensureTreeEnvironment } from "../../src/house/trees.mjs";
import { trees } from "../../src/target/tree/registry.ts";
import { BACKEND, build, checkoutOf, copyOf, FOUR, ONE, specFor, TOKENS } from "./checkouts.ts";
import { decode, type Job } from "./decode.ts";
import { record } from "./survey/decoded.ts";

const PROMPT = [497, 374, 324, 279, 287, 478, 144];
/** Rules for dense layers are compulsory in the tree's configs; these match none. */
const DENSE = { rules: [{ module_path: "^$", weight_dtype: "int8" }] };
/** Of a static checkpoint all of the attention is quantised; blocks of it would want a TPU. */
const ATTENTION = {
  rules: [{ module_path: ".*self_attn.*", weight_dtype: "float8_e4m3fn", weight_block_size: null }],
};

type Case = Pick<Job, "ep" | "mesh" | "model" | "prompt" | "quantization"> & {
  readonly what: string;
  /** Suffix of the kernel's name, and its spec's quantisation. */
  readonly spec: readonly [string, string];
  readonly margin: number;
};

const CASES: readonly Case[] = [
  {
    what: "int8, a scale for each channel",
    spec: ["_int8", '{ weights: "int8", granularity: "per_channel" }'],
    ...FOUR,
    model: "qwen3_moe",
    prompt: PROMPT,
    quantization: { linear: DENSE, moe: { weight_dtype: "int8" } },
    margin: 0.05,
  },
  {
    what: "int8, rows as well",
    spec: ["_w8a8", '{ weights: "int8", granularity: "per_channel", activations: "int8" }'],
    ...FOUR,
    model: "qwen3_moe",
    prompt: PROMPT,
    quantization: { linear: DENSE, moe: { weight_dtype: "int8", activation_dtype: "int8" } },
    margin: 0.03,
  },
  {
    what: "float8, a scale for 128 of a channel",
    spec: [
      "_fp8",
      '{ weights: "float8_e4m3fn", granularity: { kind: "sub_channel", block: 128 } }',
    ],
    ...FOUR,
    model: "qwen3_moe",
    prompt: [84, 393, 411, 39, 74, 319, 319],
    quantization: {
      linear: DENSE,
      weight_block_size: [1, 128],
      moe: { weight_dtype: "float8_e4m3fn" },
    },
    margin: 0.05,
  },
  {
    what: "a float8 checkpoint with scales of 128 x 128",
    spec: [
      "_static",
      '{ weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "bfloat16" }',
    ],
    ...ONE,
    model: "qwen3_moe_fp8",
    prompt: PROMPT,
    quantization: {
      linear: ATTENTION,
      is_static_checkpoint: true,
      weight_block_size: [128, 128],
      moe: { weight_dtype: "float8_e4m3fn" },
    },
    margin: 0.04,
  },
];

const checkout = checkoutOf("head");

describe.skipIf(checkout === undefined)("quantised weights in the head tree", () => {
  const { jax } = trees.head.surface;
  const specs = (): string[] =>
    CASES.map(({ model, ep, spec }) => specFor({ model, dtype: "bfloat16" }, ep, spec));

  test("the same tokens from epmoe and from the generated kernel", async () => {
    const tree = await copyOf(checkout ?? "");
    expect((await build(tree, specs())).code).toBe(0);
    const jobs = (backend: string): readonly Job[] =>
      CASES.map((one) => ({ ...one, dtype: "bfloat16", backend, tokens: TOKENS }));
    const python = join(tree, "python");
    const fused = await decode(python, jax, jobs(BACKEND.head));
    const epmoe = await decode(python, jax, jobs("epmoe"));
    for (const [index, job] of jobs(BACKEND.head).entries()) {
      const { what, margin } = CASES[index] ?? { what: "no case", margin: 0 };
      expect(fused[index], what).toMatchObject({ backend: BACKEND.head });
      expect(fused[index]?.ids, what).toEqual(epmoe[index]?.ids);
      expect(epmoe[index]?.ids?.[0], what).toHaveLength(TOKENS);
      const smallest = Math.min(...(epmoe[index]?.margins?.[0] ?? [0]));
      expect(smallest, what).toBeGreaterThan(margin);
      console.info(`head: ${what}: ${TOKENS} ids, margin ${smallest.toFixed(3)}`);
      await record(checkout ?? "", jax, job, what);
    }
  });

  test("no kernel of other weights is taken instead", async () => {
    const tree = await copyOf(checkout ?? "");
    expect((await build(tree, specs().slice(0, 1))).code).toBe(0);
    const [int8, fp8] = ["_int8", "_fp8"].map((suffix) =>
      CASES.find(({ spec }) => spec[0] === suffix),
    );
    const job = { ...FOUR, model: "qwen3_moe", dtype: "bfloat16", prompt: PROMPT } as const;
    const asked = (backend: string, quantization: Job["quantization"]): Job => ({
      ...job,
      backend,
      tokens: 1,
      ...(quantization === undefined ? {} : { quantization }),
    });
    const answers = await decode(join(tree, "python"), jax, [
      asked("auto", int8?.quantization),
      asked("auto", fp8?.quantization),
      asked(BACKEND.head, fp8?.quantization),
      asked(BACKEND.head, undefined),
      asked(BACKEND.head, { ...int8?.quantization, ignored_layers: ["model.layers.1.mlp"] }),
    ]);
    expect(answers.slice(0, 2).map(({ backend }) => backend)).toEqual([BACKEND.head, "epmoe"]);
    expect(answers[2]?.error).toMatch(
      /weight_dtype int8 \(this layer: float8_e4m3fn\)[\s\S]*quantization: \{ weights: "float8_e4m3fn"/,
    );
    expect(answers[3]?.error).toMatch(/weight_dtype int8 \(this layer: bfloat16\)/);
    // Said once the model is loaded, before any request.
    expect(answers[4]?.error).toMatch(/model.layers.1.mlp: .*ignored_layers/);
  });

  test("its generated tests and its benchmark run quantised kernels without a TPU", async () => {
    const tree = await copyOf(checkout ?? "");
    expect((await build(tree, specs().slice(1))).code).toBe(0);
    const python = await ensureTreeEnvironment(jax);
    const options = {
      cwd: tree,
      reject: false,
      env: { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: "python" },
    } as const;
    const files = trees.head.files([]).map(({ path }) => path);
    const tests = files.filter((path) => /test_\w+\.py$|_test\.py$/.test(path));
    const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", ...tests];
    const ran = await execa(python, pytest, options);
    expect([ran.exitCode, ran.stdout]).toEqual([0, expect.stringMatching(/ passed/)]);
    expect(ran.stdout).not.toContain("skipped");
    console.info(`head: ${ran.stdout.split("\n").at(-1)}`);
    const name = "tiny_qwen3_moe_fp8_bf16_ep1_static";
    const kernel = ["--kernel", name, "--scenarios", "random", "--num-tokens", "3"];
    const short = ["--warmup", "0", "--benchmark-iters", "1"];
    const bench = ["-m", "benchmark.moe.bench_fused_generated", ...kernel, ...short];
    const { stdout } = await execa(python, bench, options);
    expect(stdout).toMatch(new RegExp(`\\| ${name} \\| random \\| 3 \\| \\d+\\.\\d+ \\|`));
  });
});
