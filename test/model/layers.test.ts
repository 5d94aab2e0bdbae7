/** One layer of a config whose layers differ: how it is read, and which others are read as it is. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kindsIn } from "../../src/cli/init/kinds.ts";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { root } from "../cli/moegen.ts";
import { problemsOf, read, SIZES } from "./read.ts";

const alike = (layer: unknown) => layerOrigin(layer)?.alike;
const config = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(root, "examples", "configs", name), "utf8"));

describe("DeepSeek-V4", () => {
  const v4 = config("deepseek-v4-flash.json");

  test("its first layers take ids that are given, the others route", () => {
    const hashed = read(v4, { at: 0 });
    const scored = read(v4, { at: 3 });
    expect(hashed.routing).toEqual({ where: "given" });
    expect(alike(hashed)).toEqual([0, 1, 2]);
    expect(layerOrigin(hashed)?.notes?.join()).toContain("topk_ids = tid2eid[token_ids]; ");
    expect(scored.routing).toMatchObject({ where: "kernel", scoring: "sqrt_softplus" });
    expect(alike(scored)).toEqual(Array.from({ length: 40 }, (_, index) => index + 3));
    expect({ ...hashed, routing: scored.routing }).toEqual(scored);
  });

  test("an override answers for what differs", () => {
    expect(alike(read(v4, { at: 5, routing: { where: "given" } }))).toHaveLength(43);
  });
});

describe("Step-3.7", () => {
  const limits = (at: Readonly<Record<number, number>>) =>
    Array.from({ length: 8 }, (_, index) => at[index] ?? 0);
  const step = {
    ...SIZES,
    architectures: ["Step3p7ForConditionalGeneration"],
    hidden_act: "silu",
    num_hidden_layers: 6,
    first_k_dense_replace: 2,
    swiglu_limits: limits({ 4: 7, 5: 7 }),
    // A list may end before the last layer: what it lacks has no limit.
    swiglu_limits_shared: limits({ 5: 16 }).slice(0, 6),
  };
  const clamped = (limit: number) => ({ kind: "silu_clamped", limit });

  test("limits are the layer's own, of routed and shared experts apart", () => {
    const activations = [2, 4, 5].map((at) => {
      const { activation, sharedExperts } = read(step, { at });
      return [activation, sharedExperts?.activation];
    });
    expect(activations).toEqual([
      ["silu", undefined],
      [clamped(7), "silu"],
      [clamped(7), clamped(16)],
    ]);
    expect([2, 4, 5].map((at) => alike(read(step, { at })))).toEqual([[2, 3], [4], [5]]);
    expect(problemsOf(read(step, { at: 4 }))).toEqual([]);
    expect(problemsOf(read(step)).map(({ code }) => code)).toEqual(["MOE305", "MOE307"]);
  });
});

describe("sizes and weights by layer", () => {
  const qwen = {
    ...SIZES,
    architectures: ["Qwen3MoeForCausalLM"],
    hidden_act: "silu",
    norm_topk_prob: true,
    num_hidden_layers: 4,
  };

  test("a list with one number a layer has the layer's", () => {
    const widths = { ...qwen, moe_intermediate_size: [256, 512, 256, 512] };
    expect(read(widths, { at: 1 }).intermediate).toBe(512);
    expect(alike(read(widths, { at: 2 }))).toEqual([0, 2]);
    expect(problemsOf(read(widths, { at: 2 }))).toEqual([]);
    expect(problemsOf(read(widths)).map(({ code }) => code)).toEqual(["MOE302"]);
    // Of another length it is of something else than layers.
    const blocks = { ...qwen, moe_intermediate_size: [256, 512] };
    expect(problemsOf(read(blocks, { at: 1 })).map(({ code }) => code)).toEqual(["MOE302"]);
  });

  test("experts that a checkpoint leaves as they are make a kind of their own", () => {
    const quantization_config = {
      quant_method: "fp8",
      weight_block_size: [128, 128],
      modules_to_not_convert: ["lm_head", "model.layers.3.mlp.experts"],
    };
    const mixed = { ...qwen, quantization_config };
    expect(read(mixed, { at: 3 }).quantization).toBeUndefined();
    expect(read(mixed, { at: 0 }).quantization?.weights).toBe("float8_e4m3fn");
    expect(alike(read(mixed, { at: 0 }))).toEqual([0, 1, 2]);
    expect(problemsOf(read(mixed)).map(({ code }) => code)).toEqual(["MOE306"]);
  });

  test("a layer without experts, and an index that is none, are refused", () => {
    const dense = { ...qwen, mlp_only_layers: [0] };
    for (const [at, nearest] of [
      [0, 1],
      [4, 3],
      [-1, 1],
      [2.25, 2],
      [Number.NaN, 1],
      ["1", 1],
    ]) {
      const problems = problemsOf(read(dense, { at: at as number }));
      expect(problems).toMatchObject([{ code: "MOE173", nearest: [`at: ${nearest}`] }]);
      const shown = typeof at === "string" ? `"${at}"` : String(at);
      expect(problems[0]?.message).toBe(`layer ${shown} has no experts in the config`);
    }
    const unknown = { ...qwen, num_hidden_layers: null };
    expect(problemsOf(read(unknown, { at: 7 }))).toEqual([]);
    for (const at of [-1, 1000, Number.NaN]) {
      expect(problemsOf(read(unknown, { at }))).toMatchObject([{ code: "MOE173" }]);
    }
  });

  test("kinds are those that are read apart, by their first layers", () => {
    const widths = { ...qwen, moe_intermediate_size: [256, 512, 256, 512] };
    expect(kindsIn(widths, {}).map(({ at }) => at)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(kindsIn(qwen, {}).map(({ at }) => at)).toEqual([[0, 1, 2, 3]]);
    expect(kindsIn({ ...qwen, num_hidden_layers: undefined }, {})).toEqual([]);
  });
});
