/**
 * The proof on the tree from PyPI: its own epmoe and the generated Pallas kernel give the same greedy
 * tokens for Qwen3-MoE on four simulated devices, and a wrong generator is caught. (On one device
 * epmoe of this tree does not run: it raises a TypeError.)
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { ensureTreeEnvironment } from "../../src/house/trees.mjs";
import { trees } from "../../src/target/tree/registry.ts";
import { emptyFolder, moegen } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { type Answer, type DType, decode, type Job, QUICK_COMPILE } from "./decode.ts";
import { alter, tinySpec, wholeTree } from "./tree.ts";

const TOKENS = 16;
/** A step of the simulated kernel takes 1.6 s: by default the prompt, and two steps after it. */
const STEPS = long ? TOKENS : 3;
/** By default one type decodes, and the other one's kernel runs the tree's generated tests. */
const DECODED: readonly DType[] = long ? ["float32", "bfloat16"] : ["bfloat16"];
const { jax } = trees.pypi.surface;

/**
 * A prompt of seven tokens, which four devices do not divide, whose sixteen greedy tokens are chosen
 * by a margin of at least so many logits, of a standard deviation near 1.
 */
const CASES: readonly (Pick<Job, "dtype" | "mesh" | "prompt"> & { readonly margin: number })[] = [
  { dtype: "float32", mesh: [2, 2], prompt: [255, 42, 86, 230, 206, 282, 143], margin: 0.09 },
  { dtype: "bfloat16", mesh: [1, 4], prompt: [309, 503, 466, 58, 275, 275, 500], margin: 0.1 },
];

const decoded = CASES.filter(({ dtype }) => DECODED.includes(dtype));

const SHORT: Readonly<Record<DType, string>> = { float32: "f32", bfloat16: "bf16" };

function job(dtype: DType, backend: string): Job {
  const found = CASES.find((one) => one.dtype === dtype);
  if (found === undefined) throw new Error(`no case in ${dtype}`);
  return { ...found, model: "qwen3_moe", backend, ep: 4, tokens: STEPS };
}

/** Faults put into the generated code: the proof must fail for each. */
const FAULTS: readonly {
  readonly what: string;
  readonly path: string;
  readonly change: (text: string) => string;
  /** How the model stops; absent: it says other tokens. */
  readonly stops?: RegExp;
  /** Another one of its kind (other tokens, a stop while loading, a stop in a call) runs by default. */
  readonly onlyLong?: true;
  readonly job?: Partial<Job>;
}[] = [
  {
    // Its first six tokens are right.
    what: "scores are softmaxed twice",
    onlyLong: true,
    path: "layers/fused_moe.py",
    change: (text) =>
      text.replace("            router_logits,\n", "            jax.nn.softmax(router_logits),\n"),
  },
  {
    what: "gate and up are taken for each other",
    // In float32 the third differs, in bfloat16 the first.
    job: { tokens: long ? 3 : 1 },
    path: "utils/fused_moe_weights.py",
    change: (text) =>
      text.replace(
        "stack(arrays[:experts]), jnp.stack(arrays[experts:])",
        "stack(arrays[experts:]), jnp.stack(arrays[:experts])",
      ),
  },
  {
    what: "weights go to a path that does not exist",
    path: "models/qwen3_moe.py",
    change: (text) => text.replace('f"{target_prefix}.mlp.w1"', 'f"{target_prefix}.w1"'),
    stops: /not a valid param path/,
  },
  {
    what: "auto does not see the expert-parallel size",
    path: "kernels/fused_moe/registry.py",
    change: (text) => text.replace("ep *= mesh.shape.get(axis, 1)", "ep *= 2"),
    // Two devices, and no kernel for two: epmoe must be chosen.
    job: { backend: "auto", mesh: [1, 2], ep: 2 },
    stops: /expert_parallel_size: expected 4/,
  },
  {
    what: "tokens must divide by the devices",
    onlyLong: true,
    path: "layers/fused_moe.py",
    change: (text) =>
      text.replace(
        "            inputs.astype(self.dtype),\n",
        '            jax.device_put(inputs, NamedSharding(self.mesh, P(("data", "tensor")))),\n',
      ),
    stops: /divi/,
  },
];

describe("the tree from PyPI", () => {
  let tree = "";
  let answers: readonly Answer[] = [];
  const jobs = decoded.flatMap(({ dtype }) => [job(dtype, "epmoe"), job(dtype, "auto")]);

  beforeAll(async () => {
    await ensureTreeEnvironment(jax);
  });

  test("says the same tokens with the generated kernel, which auto chooses", async () => {
    tree = await wholeTree();
    const specs = decoded.map(({ dtype }) => tinySpec({ name: `tiny_${SHORT[dtype]}`, dtype }));
    expect((await moegen(["build", ...specs, "--into", tree])).code).toBe(0);
    const checkpoints = emptyFolder();
    answers = await decode(tree, jax, jobs, checkpoints);
    decoded.forEach(({ dtype, margin }, index) => {
      const [epmoe, fused] = answers.slice(2 * index);
      expect([epmoe?.error, fused?.error], dtype).toEqual([undefined, undefined]);
      expect([epmoe?.backend, fused?.backend], dtype).toEqual(["epmoe", "fused"]);
      expect(epmoe?.ids?.[0], dtype).toHaveLength(STEPS);
      expect(new Set(epmoe?.ids?.[0]).size, dtype).toBeGreaterThan(STEPS / 2);
      expect(fused?.ids, dtype).toEqual(epmoe?.ids);
      const smallest = Math.min(...(epmoe?.margins?.[0] ?? [0]));
      expect(smallest, dtype).toBeGreaterThan(margin);
      console.info(`pypi: qwen3_moe ${dtype} ep 4: ${STEPS} ids, margin ${smallest.toFixed(3)}`);
    });

    // In the same tree, one fault after the other; what it says must not be right any more.
    for (const { what, path, change, stops, job: special, onlyLong } of FAULTS) {
      if (onlyLong === true && !long) continue;
      const file = join("sgl_jax", "srt", path);
      const whole = readFileSync(join(tree, file), "utf8");
      alter(tree, file, change);
      const faulty = {
        ...job(DECODED[0] ?? "float32", "fused"),
        tokens: stops === undefined ? STEPS : 1,
        ...special,
      };
      const [wrong] = await decode(tree, jax, [faulty], checkpoints);
      if (stops === undefined) {
        expect(wrong?.ids?.[0], what).toHaveLength(faulty.tokens);
        const right = answers[0]?.ids?.map((ids) => ids.slice(0, faulty.tokens));
        expect(wrong?.ids, what).not.toEqual(right);
      } else expect(wrong?.error, what).toMatch(stops);
      alter(tree, file, () => whole);
    }
  });

  test("its generated tests run without a TPU, and its benchmark says what it cannot time", async () => {
    const here = await wholeTree();
    const spec = tinySpec({ name: "tiny_f32", dtype: "float32" });
    expect((await moegen(["build", spec, "--into", here])).code).toBe(0);
    const python = await ensureTreeEnvironment(jax);
    const options = {
      cwd: here,
      reject: false,
      env: { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1", XLA_FLAGS: QUICK_COMPILE },
    } as const;
    const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
    const files = ["sgl_jax/test/test_fused_moe.py", "sgl_jax/test/kernels/fused_moe_v1_test.py"];
    // Else those that simulate least.
    const some = long ? [] : ["-k", "not token_counts and not skew and not two"];
    const tests = await execa(python, [...pytest, ...some, ...files], options);
    expect(tests.stdout).toMatch(/ passed/);
    expect([tests.exitCode, tests.stdout]).toEqual([0, expect.not.stringContaining("skipped")]);
    const flags = ["--tokens", "3", "--scenarios", "random", "--iterations", "1"];
    const bench = await execa(
      python,
      ["-m", "sgl_jax.bench_fused_moe", ...flags, "--format", "markdown"],
      options,
    );
    expect(bench.stdout).toMatch(
      /\| kernel \| scenario[\s\S]*\| tiny_f32 \| random \| 3 \| \d+\.\d+ \|/,
    );
    expect(bench.stderr).toContain("times mean nothing");
  });

  test("a fused request that no kernel serves stops, and names the fields and the command", async () => {
    const here = await wholeTree();
    const spec = tinySpec({ name: "tiny_ep2", ep: 2 });
    expect((await moegen(["build", spec, "--into", here])).code).toBe(0);
    const [stopped] = await decode(here, jax, [job("float32", "fused")]);
    expect(stopped?.error).toMatch(
      /layer.dtype = float32.*mesh.ep = 4.*tiny_ep2.*moegen build SPEC/,
    );
  });
});
