/**
 * A wrong generator is caught: each fault that was reproduced in #511, put into the generated code of
 * a checkout that MOEGEN_SGLJAX_2025_12 names, makes the proof of `checkouts.test.ts` fail.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { build, caseOf, checkoutOf, copyOf, FOUR, specFor, TOKENS } from "./checkouts.ts";
import { decode, type Job } from "./decode.ts";
import { alter, contents } from "./tree.ts";

/** What is changed in which file, and how it is seen. */
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

  test("each reproduced fault of #511 changes the tokens or stops the model", async () => {
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
  });
});
