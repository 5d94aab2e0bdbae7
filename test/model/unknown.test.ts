/** Configs of families that are not known: an error, or written out, or guessed. */
import { describe, expect, test } from "vitest";
import { layerOrigin } from "../../src/dsl/brand.ts";
import { problemsOf, read, SIZES } from "./read.ts";

describe("an architecture that is not known", () => {
  const architectures = ["MyMoeForCausalLM"];
  const codesOf = (layer: unknown) => problemsOf(layer).map(({ code }) => code);
  const whole = {
    experts: 16,
    topK: 2,
    hidden: 4096,
    intermediate: 2048,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
  } as const;

  test("is MOE301, unless overrides say the whole layer", () => {
    expect(codesOf(read({ ...SIZES, architectures }))).toEqual(["MOE301"]);
    const { routing: _, ...most } = whole;
    expect(codesOf(read({ architectures }, most))).toEqual(["MOE301"]);
    const layer = read({ architectures, torch_dtype: "float32" }, whole);
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({ ...whole, dtype: "float32", weights: "fused" });
  });

  test("keeps its checkpoint's format, which overrides of the sizes do not answer", () => {
    const quantization_config = { quant_method: "awq", bits: 4 };
    expect(codesOf(read({ architectures, quantization_config }, whole))).toEqual(["MOE306"]);
  });

  test("is guessed where that is asked for, every guess named", () => {
    const config = {
      architectures,
      hidden_size: 4096,
      moe_intermediate_size: 1024,
      n_routed_experts: 64,
      n_shared_experts: 2,
      num_experts_per_tok: 6,
      num_hidden_layers: 30,
      first_k_dense_replace: 1,
      routed_scaling_factor: 2.5,
      topk_method: "noaux_tc",
    };
    const layer = read(config, { guess: true });
    expect(codesOf(layer)).toEqual([]);
    expect(layer).toEqual({
      experts: 64,
      topK: 6,
      hidden: 4096,
      intermediate: 1024,
      activation: "silu",
      dtype: "bfloat16",
      weights: "fused",
      routing: {
        where: "kernel",
        scoring: "sigmoid",
        renormalize: true,
        scalingFactor: 2.5,
        correctionBias: true,
      },
      sharedExperts: { count: 2, intermediate: 1024 },
    });
    expect(layerOrigin(layer)?.layers).toBe(29);
    expect(layerOrigin(layer)?.notes).toEqual([
      "guessed: experts are gate, up and down projections without biases",
      'guessed: activation "silu": no hidden_act',
      'guessed: a correction bias: topk_method is "noaux_tc"',
      'guessed: scoring "sigmoid", as beside every bias for the choice: no field names it',
      "guessed: weights are divided by their sum: no field says it",
      "guessed: shared experts are added plainly, without a gate",
      "guessed: a shared expert is of the routed ones' size",
    ]);
  });

  test("has no size guessed", () => {
    const layer = read({ architectures, num_experts: 64 }, { guess: true });
    expect(new Set(codesOf(layer))).toEqual(new Set(["MOE302"]));
  });

  test("a known one is read as it is, guess or not", () => {
    const config = { ...SIZES, architectures: ["Qwen3MoeForCausalLM"] };
    expect(read(config, { guess: true })).toEqual(read(config));
  });
});
