/**
 * The proof on the models of 2026: epmoe and the generated kernel give the same greedy tokens. It runs
 * where MOEGEN_SGLJAX_HEAD names a checkout, two minutes for each model, and says loudly where none does.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { build, checkoutOf, copyOf, FOUR, specFor } from "./checkouts.ts";
import { type Checkpoint, decode } from "./decode.ts";

const MODELS: readonly Checkpoint["model"][] = [
  "minimax_m2",
  "glm4_moe",
  "mimo_v2_flash",
  "deepseek_v3",
  "gemma4",
];
const TOKENS = 6;
const PROMPT = [497, 374, 324, 279, 287, 478, 144];

const checkout = checkoutOf("head");

describe.skipIf(checkout === undefined)("the head tree", () => {
  test("the same tokens of each model", { timeout: 1_800_000 }, async () => {
    const tree = await copyOf(checkout ?? "");
    const cases = MODELS.map((model) => ({ model, dtype: "bfloat16" }) as const);
    const silu = specFor({ model: "glm4_moe", dtype: "bfloat16" }, 4);
    const gelu = specFor({ model: "gemma4", dtype: "bfloat16" }, 4);
    const built = await build(tree, [silu, gelu]);
    expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
    const jobs = cases.flatMap((one) =>
      ["epmoe", "fused_generated"].map((backend) => ({
        ...one,
        ...FOUR,
        backend,
        prompt: PROMPT,
        tokens: TOKENS,
      })),
    );
    const answers = await decode(join(tree, "python"), trees.head.surface.jax, jobs);
    for (const [index, { model, backend }] of jobs.entries()) {
      const answer = answers[index];
      expect(answer?.error, `${model} ${backend}`).toBeUndefined();
      expect(answer?.backend, model).toBe(backend);
      expect(answer?.ids?.[0], model).toHaveLength(TOKENS);
      if (backend !== "epmoe") expect(answer?.ids, model).toEqual(answers[index - 1]?.ids);
    }
  });
});
