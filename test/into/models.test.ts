/**
 * The proof on the models of 2026, on meshes with data, and with experts that a map places: epmoe and the
 * generated kernel give the same greedy tokens, and the same chosen experts to the server's capturer. It runs
 * where MOEGEN_SGLJAX_HEAD names a checkout, half a minute for each model, and says loudly where none does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { build, caseOf, checkoutOf, copyOf, FOUR, specFor } from "./checkouts.ts";
import { type Checkpoint, decode, type Job } from "./decode.ts";
import { record } from "./survey/decoded.ts";

const PROMPT = [497, 374, 324, 279];

interface Case extends Partial<Pick<Job, "prompt" | "requests">> {
  readonly model: Checkpoint["model"];
  /** The tree's own back end. Absent: epmoe. */
  readonly own?: string;
  /** Layers of linear attention have a state that a step takes from the one before. */
  readonly recurrent?: boolean;
}

const MODELS: readonly Case[] = [
  { model: "minimax_m2" },
  { model: "glm4_moe" },
  { model: "mimo_v2_flash" },
  { model: "deepseek_v3" },
  { model: "kimi_k2_5" },
  { model: "gemma4" },
  { model: "qwen3_omni" },
  { model: "glm5", prompt: [488, 102, 257, 28] },
  { model: "ling_linear", prompt: [91, 102, 193, 497], recurrent: true },
  { model: "kimi_linear", recurrent: true },
  // It has no EPMoE, and FusedEPMoE takes as many tokens as devices divide.
  { model: "qwen3_5", own: "fused", requests: 4, recurrent: true },
];
const TOKENS = 6;
const GIVEN = 'routing: { where: "given" },';

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
  async function sameTokens(
    sources: string,
    jobs: readonly (readonly [Job, Job])[],
    how?: string,
  ): Promise<void> {
    const { jax } = trees.head.surface;
    const answers = [...(await decode(sources, jax, jobs.flat()))];
    for (const pair of jobs) {
      const ids = pair.map(({ model, backend, tokens }) => {
        const answer = answers.shift();
        expect(answer?.error, `${model} ${backend}`).toBeUndefined();
        expect(answer?.backend, model).toBe(backend);
        expect(answer?.ids?.[0], model).toHaveLength(tokens);
        return answer?.ids;
      });
      expect(ids[1], pair[0].model).toEqual(ids[0]);
      const own = pair[0].backend === "epmoe" ? how : `beside \`${pair[0].backend}\``;
      await record(checkout ?? "", jax, pair[1], own);
    }
  }

  const both = (job: Omit<Job, "backend">, own = "epmoe"): readonly [Job, Job] => [
    { ...job, backend: own },
    { ...job, backend: "fused_generated" },
  ];

  const jobOf = ({ model, prompt = PROMPT, requests = 1 }: Case): Omit<Job, "backend"> => ({
    ...{ model, dtype: "bfloat16", ...FOUR, prompt, requests, tokens: TOKENS },
  });

  test("the same tokens of each model", async () => {
    const bfloat16 = (model: Checkpoint["model"]) => specFor({ model, dtype: "bfloat16" }, 4);
    const sources = await python([bfloat16("glm4_moe"), bfloat16("gemma4")]);
    await sameTokens(
      sources,
      MODELS.map((one) => both(jobOf(one), one.own)),
    );
  });

  test("a prompt and the tokens after it are followed by what a longer prompt is", async () => {
    const sources = await python([specFor({ model: "glm4_moe", dtype: "bfloat16" }, 4)]);
    const jobs = MODELS.filter(({ recurrent }) => recurrent).map(jobOf);
    const generated = (job: Omit<Job, "backend">): Job => ({ ...job, backend: "fused_generated" });
    const stepped = await decode(sources, trees.head.surface.jax, jobs.map(generated));
    const longer = jobs.map((job, at) => ({
      ...job,
      prompt: [...job.prompt, ...(stepped[at]?.ids?.[0]?.slice(0, 2) ?? [])],
      tokens: TOKENS - 2,
    }));
    const asked = await decode(sources, trees.head.surface.jax, longer.map(generated));
    expect(asked.map(({ error, ids }) => error ?? ids?.[0])).toEqual(
      stepped.map(({ ids }) => ids?.[0]?.slice(2)),
    );
    expect(stepped.map(({ ids }) => ids?.[0]?.length)).toEqual(jobs.map(() => TOKENS));
  });

  test("the same tokens on two devices of data by two", async () => {
    const sources = await python([specFor(QWEN3, 4)]);
    const how = { mesh: [2, 2], ep: 4, requests: 2, tokens: 3 } as const;
    // Qwen3 says how the layer's result is to lie, Ling adds its shared experts to it as it does.
    const jobs = (["qwen3_moe", "ling"] as const).map((model) =>
      both({ ...caseOf(model, "bfloat16"), ...how }),
    );
    await sameTokens(sources, jobs, "two requests");
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
    await sameTokens(sources, [both(job)], "placed by a map, four copies");
  });
});
