/**
 * Every routing, activation, weight layout and dtype on simulated devices against the reference:
 * each value of each field at least once, together with others it is not usually seen with.
 */
import { describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import type { LayerInput, RoutingInput } from "../../src/dsl/input.ts";
import { moe } from "../../src/index.ts";
import { validateSpec } from "../../src/runner/index.ts";

type Kernel = Extract<RoutingInput, { where: "kernel" }>;

interface Feature {
  readonly layer: Partial<LayerInput>;
  readonly ep: number;
  /** Weight tiles that cut F and D; absent: a whole expert at a time. */
  readonly cut?: { readonly bf: number; readonly bd: number };
}

const kernel = (routing: Partial<Kernel>): Kernel => ({
  where: "kernel",
  scoring: "softmax",
  renormalize: false,
  ...routing,
});

const features: Readonly<Record<string, Feature>> = {
  "Ling: sigmoid, groups by their two best, bias, scaled": {
    layer: {
      routing: kernel({
        scoring: "sigmoid",
        renormalize: true,
        scalingFactor: 2.5,
        groups: { count: 8, kept: 4, score: "sum_of_top_2" },
        correctionBias: true,
      }),
    },
    ep: 4,
  },
  "GPT-OSS: softmax of the chosen, swigluoai, float32": {
    layer: {
      dtype: "float32",
      activation: { kind: "swigluoai", alpha: 1.702, limit: 7 },
      routing: kernel({ scoreChosen: true }),
    },
    ep: 2,
  },
  "scores as given, groups by their best, exact gelu, experts not a multiple of 8": {
    layer: {
      experts: 12,
      activation: "gelu_erf",
      routing: kernel({ scoring: "none", groups: { count: 3, kept: 2, score: "max" } }),
    },
    ep: 1,
  },
  "sigmoid of the chosen with a bias, clamps, side by side, tiles of F": {
    layer: {
      dtype: "float32",
      weights: "side_by_side",
      activation: { kind: "clamped_swiglu", limit: 0.5 },
      routing: kernel({ scoring: "sigmoid", scoreChosen: true, correctionBias: true }),
    },
    ep: 2,
    cut: { bf: 128, bd: 256 },
  },
  "routing given, separate weights": {
    layer: { weights: "separate", routing: { where: "given" } },
    ep: 4,
  },
  "soft cap, gelu, separate weights, tiles of F and D": {
    layer: {
      weights: "separate",
      activation: "gelu",
      routing: kernel({ logitSoftCap: 30 }),
    },
    ep: 2,
    cut: { bf: 128, bd: 128 },
  },
};

function specOf({ layer, ep, cut }: Feature) {
  return moe({
    name: "feature",
    layer: {
      experts: 16,
      topK: 4,
      hidden: 256,
      intermediate: 256,
      activation: "silu",
      routing: kernel({}),
      ...layer,
    },
    mesh: { ep },
    devices: ["v6e"],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: 256, bt: 32, btc: [16, 32], bf: 256, bd: 256, ...cut } },
    },
  });
}

describe.sequential("on simulated devices", () => {
  test.each(Object.entries(features))("%s", async (_, feature) => {
    const spec = specOf(feature);
    const { findings, plan } = judge(spec, registries);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    if (plan === undefined) throw new Error("no plan");
    const result = await validateSpec({ path: "feature.moe.ts", text: "", spec }, plan);
    expect(result.cases.filter(({ ok }) => !ok)).toEqual([]);
    expect(result.ok).toBe(true);
  });
});
