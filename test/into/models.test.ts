/**
 * The proof on the models of 2026, on meshes with data, and with experts that a map places: epmoe and the
 * generated kernel give the same greedy tokens, and the same chosen experts to the server's capturer. It runs
 * where MOEGEN_SGLJAX_HEAD names a checkout, two minutes for each model, and says loudly where none does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { build, checkoutOf, copyOf, FOUR, specFor } from "./checkouts.ts";
import { type Checkpoint, decode, type Job } from "./decode.ts";

const MODELS: readonly Checkpoint["model"][] = [
  "minimax_m2",
  "glm4_moe",
  "mimo_v2_flash",
  "deepseek_v3",
  "kimi_k2_5",
  "gemma4",
];
const TOKENS = 6;
const GIVEN = 'routing: { where: "given" },';
const PROMPT = [497, 374, 324, 279];

const checkout = checkoutOf("head");

const QWEN3 = { model: "qwen3_moe", dtype: "bfloat16" } as const;

/** Four physical experts more than the checkpoint has. */
const REDUNDANT = 4;

describe.skipIf(checkout === undefined)("the head tree", () => {
  const python = async (specs: readonly string[]): Promise<string> => {
    const tree = await copyOf(checkout ?? "");
    const built = await build(tree, specs);
    expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
    return join(tree, "python");
  };

  /** Every job's ids are those of the job before it, and each ran on the back end that it asked for. */
  async function sameTokens(sources: string, jobs: readonly (readonly Job[])[]): Promise<void> {
    const answers = [...(await decode(sources, trees.head.surface.jax, jobs.flat()))];
    for (const pair of jobs) {
      const ids = pair.map(({ model, backend, tokens }) => {
        const answer = answers.shift();
        expect(answer?.error, `${model} ${backend}`).toBeUndefined();
        expect(answer?.backend, model).toBe(backend);
        expect(answer?.ids?.[0], model).toHaveLength(tokens);
        return answer?.ids;
      });
      expect(ids[1], pair[0]?.model).toEqual(ids[0]);
    }
  }

  const both = (job: Omit<Job, "backend">): readonly Job[] => [
    { ...job, backend: "epmoe" },
    { ...job, backend: "fused_generated" },
  ];

  test("the same tokens of each model", async () => {
    const bfloat16 = (model: Checkpoint["model"]) => specFor({ model, dtype: "bfloat16" }, 4);
    const sources = await python([bfloat16("glm4_moe"), bfloat16("gemma4")]);
    const jobs = MODELS.map((model) =>
      both({ model, dtype: "bfloat16", ...FOUR, prompt: PROMPT, tokens: TOKENS }),
    );
    await sameTokens(sources, jobs);
  });

  test("the same tokens on two devices of data by two", async () => {
    const sources = await python([specFor(QWEN3, 4)]);
    const job = { ...QWEN3, mesh: [2, 2], ep: 4, prompt: PROMPT, requests: 2, tokens: 3 } as const;
    await sameTokens(sources, [both(job)]);
  });

  test("the server's capturer has the same chosen experts of both", async () => {
    const sources = await python([specFor(QWEN3, 4)]);
    const jobs = both({ ...QWEN3, ...FOUR, prompt: PROMPT, tokens: 3, capture: true });
    const answers = await decode(sources, trees.head.surface.jax, jobs);
    expect(answers.map(({ error, backend }) => error ?? backend)).toEqual([
      ...["epmoe", "fused_generated"],
    ]);
    const [there, own] = answers.map(({ experts = [] }) =>
      experts.flat().map((layer) => layer.map((ids) => [...ids].sort((a, b) => a - b))),
    );
    expect(own).toEqual(there);
    // The prompt's tokens and all but the last new one, each with experts that there are.
    expect(own?.map((layer) => layer.length)).toEqual([PROMPT.length + 2, PROMPT.length + 2]);
    expect(own?.flat(2).every((id) => id >= 0 && id < 8)).toBe(true);
    expect(new Set(own?.flat().map((ids) => ids.join())).size).toBeGreaterThan(1);
  });

  test("the same tokens from experts that a map places", async () => {
    const spec = specFor(QWEN3, 4);
    const text = readFileSync(spec, "utf8");
    const placed = `experts: ${8 + REDUNDANT},\n    redundantExperts: ${REDUNDANT},`;
    writeFileSync(spec, text.replace("experts: 8,", placed).replace(/routing: .*/, GIVEN));
    const sources = await python([spec]);
    const job = { ...QWEN3, ...FOUR, prompt: PROMPT, redundant: REDUNDANT, tokens: TOKENS };
    await sameTokens(sources, [both(job)]);
  });
});
