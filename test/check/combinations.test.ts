/** Further ways to break a rule: each is found at its place, with the way out. */
import { describe, expect, test } from "vitest";
import type { Code } from "../../src/check/codes.ts";
import { checkText, LAYER, specText } from "./marked.ts";

interface Combination {
  readonly code: Code;
  readonly spec: string;
  readonly says: string;
  readonly nearest?: readonly (number | string)[];
  readonly rule?: string;
}

const layer = (from: string, to: string): string => specText({ layer: LAYER.replace(from, to) });
const field = (text: string): string => layer("topK: 8,", `topK: 8,\n    ${text},`);
const routing = (text: string): string => layer("renormalize: true", `renormalize: true, ${text}`);
const given = (layerText: string): string =>
  specText({
    layer: LAYER.replace(/routing: .*,/, `routing: { where: "given" },\n    ${layerText},`),
  });

const combinations: Readonly<Record<string, Combination>> = {
  "activations in 8 bits that no device multiplies with the weights": {
    code: "MOE130",
    spec: field(
      'quantization: { weights: "int4", granularity: { kind: "sub_channel", block: 128 }, activations: ⟦"int8"⟧ }',
    ),
    says: 'activations = "int8" with weights = "int4"',
  },
  "shared experts with an activation of up alone": {
    code: "MOE160",
    spec: field('sharedExperts: { count: 1, intermediate: 128, activation: ⟦"relu2"⟧ }'),
    says: "shared experts have a gate, and relu2 has none",
    nearest: ["silu"],
  },
  "gate and up weights without a gate": {
    code: "MOE160",
    spec: specText({
      layer: LAYER.replace('activation: "silu"', 'activation: "relu2",\n    weights: ⟦"fused"⟧'),
    }),
    says: 'weights = "fused", and relu2 has no gate',
    nearest: ["up"],
  },
  "biases without a gate": {
    code: "MOE160",
    spec: specText({
      layer: LAYER.replace('activation: "silu"', 'activation: "relu2",\n    biases: ⟦true⟧'),
    }),
    says: "biases beside relu2",
  },
  "shared experts without a gate": {
    code: "MOE160",
    spec: specText({
      layer: LAYER.replace(
        'activation: "silu"',
        'activation: "relu2",\n    sharedExperts: ⟦{ count: 1, intermediate: 512 }⟧',
      ),
    }),
    says: "shared experts beside relu2: they are the caller's",
  },
  "a score on something else": {
    code: "MOE102",
    spec: field('scoreOn: ⟦"output"⟧'),
    says: 'scoreOn = "output"',
    nearest: ["input"],
  },
  "groups leave fewer than k experts": {
    code: "MOE118",
    spec: routing('groups: { count: 64, kept: ⟦3⟧, score: "max" }'),
    says: "kept = 3 leaves 6 experts, fewer than topK = 8",
    nearest: [4],
  },
  "groups do not divide the experts": {
    code: "MOE118",
    spec: routing('groups: { count: ⟦6⟧, kept: 2, score: "max" }'),
    says: "count = 6 does not divide experts = 128",
    nearest: [4, 8],
  },
  "more groups kept than there are": {
    code: "MOE118",
    spec: routing('groups: { count: 4, kept: ⟦5⟧, score: "max" }'),
    says: "kept = 5 exceeds count = 4",
    nearest: [4],
  },
  "two best of a group of one": {
    code: "MOE118",
    spec: routing('groups: { count: ⟦128⟧, kept: 64, score: "sum_of_top_2" }'),
    says: 'score = "sum_of_top_2" needs 2 experts a group, count = 128 leaves 1',
    nearest: [64],
  },
  "a group score that there is not": {
    code: "MOE102",
    spec: routing('groups: { count: 4, kept: 2, score: ⟦"mean"⟧ as "max" }'),
    says: 'score = "mean"',
    nearest: ["max", "sum_of_top_2"],
  },
  "a limit on silu": {
    code: "MOE102",
    spec: layer('"silu"', '⟦{ kind: "silu", limit: 7 }⟧ as never'),
    says: 'activation = {"kind":"silu","limit":7}',
    nearest: ['{ kind: "clamped_swiglu", limit: 7 }'],
  },
  "an alpha on gelu": {
    code: "MOE102",
    spec: layer('"silu"', '⟦{ kind: "gelu", alpha: 2 }⟧ as never'),
    says: 'activation = {"kind":"gelu","alpha":2}',
    nearest: ["gelu"],
  },
  "an alpha on clamped swiglu": {
    code: "MOE102",
    spec: layer('"silu"', '{ kind: "clamped_swiglu", ⟦alpha⟧: 2, limit: 7 } as never'),
    says: "activation has no alpha",
  },
  "swigluoai without a limit": {
    code: "MOE102",
    spec: layer('"silu"', '⟦{ kind: "swigluoai", alpha: 1.7 }⟧ as never'),
    says: "limit is missing",
  },
  "situ without a beta": {
    code: "MOE102",
    spec: layer('"silu"', '⟦{ kind: "situ", linearBeta: 25 }⟧ as never'),
    says: "beta is missing",
  },
  "a cap of up that is not positive": {
    code: "MOE114",
    spec: layer('"silu"', '{ kind: "situ", beta: 4, linearBeta: ⟦0⟧ }'),
    says: "linearBeta = 0 is not a positive finite number",
  },
  "a limit that is not positive": {
    code: "MOE114",
    spec: layer('"silu"', '{ kind: "clamped_swiglu", limit: ⟦0⟧ }'),
    says: "limit = 0 is not a positive finite number",
  },
  "a granularity that has no name": {
    code: "MOE102",
    spec: field('quantization: { weights: "int8", granularity: ⟦"per_tensor"⟧ as never }'),
    says: 'granularity = "per_tensor"',
    rule: 'granularity is "per_channel", "blocks_128x128", { kind: "sub_channel", block: 128 }',

    nearest: ["per_channel", "blocks_128x128"],
  },
  "weights of a type that is not quantised": {
    code: "MOE102",
    spec: field('quantization: { weights: ⟦"bfloat16"⟧ as never, granularity: "per_channel" }'),
    says: 'weights = "bfloat16"',
    rule: 'weights is "float8_e4m3fn", "float8_e5m2", "int8", "float4_e2m1fn", "int4"',
    nearest: ["float8_e4m3fn", "float8_e5m2", "int8", "int4"],
  },
  "activations of a type that rows are not quantised to": {
    code: "MOE102",
    spec: field(
      'quantization: { weights: "int8", granularity: "per_channel", activations: ⟦"float8_e5m2"⟧ as never }',
    ),
    says: 'activations = "float8_e5m2"',
    rule: 'activations is "int8", "float8_e4m3fn"',
    nearest: ["int8"],
  },
  "a block that is not whole registers": {
    code: "MOE125",
    spec: field(
      'quantization: { weights: "int8", granularity: { kind: "sub_channel", block: ⟦48⟧ } }',
    ),
    says: "block = 48 is not a multiple of 32",
    nearest: [32, 64],
  },
  "biases that have a layout": {
    code: "MOE102",
    spec: field('biases: ⟦"fused"⟧ as never'),
    says: 'biases = "fused"',
    rule: "biases is true, or left out: they lie as the weights do",
    nearest: ["true"],
  },
  "a gate that there is not": {
    code: "MOE102",
    spec: field('sharedExperts: { count: 1, intermediate: 512, gate: ⟦"softmax"⟧ as never }'),
    says: 'gate = "softmax"',
    nearest: ["sigmoid"],
  },
  "no shared expert": {
    code: "MOE103",
    spec: field("sharedExperts: { count: ⟦0⟧, intermediate: 512 }"),
    says: "count = 0 is not a positive integer",
    nearest: [1],
  },
  "a shared expert of a wrong field": {
    code: "MOE102",
    spec: field("sharedExperts: { count: 1, ⟦size⟧: 512, intermediate: 512 } as never"),
    says: "sharedExperts has no size",
  },
  "top-k beyond the experts that are no copies": {
    code: "MOE105",
    spec: given("redundantExperts: 124").replace("topK: 8", "topK: ⟦8⟧"),
    says: "topK = 8 exceeds experts - redundantExperts = 4",
    nearest: [4],
  },
  "nothing but copies": {
    code: "MOE120",
    spec: given("redundantExperts: ⟦128⟧"),
    says: "redundantExperts = 128 leaves no expert of experts = 128",
    nearest: [64, 112],
  },
  "top-k beyond experts and identity experts": {
    code: "MOE105",
    spec: field("identityExperts: 2").replace("topK: 8", "topK: ⟦132⟧"),
    says: "topK = 132 exceeds experts + identityExperts = 130",
    nearest: [32],
  },
  "identity experts beside rows of 8 bits": {
    code: "MOE164",
    spec: field('identityExperts: 4, wire: ⟦{ combine: "int8" }⟧'),
    says: "a token's own row is added as it came: rows and sums between devices have 8 bits",
  },
  "identity experts beside groups": {
    code: "MOE164",
    spec: routing('groups: ⟦{ count: 4, kept: 2, score: "max" }⟧').replace(
      "topK: 8",
      "topK: 8, identityExperts: 4",
    ),
    says: "identity experts are of no group",
  },
  "scoring beside given routing": {
    code: "MOE102",
    spec: layer(
      'where: "kernel", scoring: "softmax", renormalize: true',
      'where: "given", ⟦scoring⟧: "softmax"',
    ),
    says: "routing has no scoring",
  },
  "a scoring that there is not": {
    code: "MOE102",
    spec: layer('"softmax"', '⟦"relu"⟧ as never'),
    says: 'scoring = "relu"',
    nearest: ["softmax", "sigmoid", "sqrt_softplus", "none"],
  },
  "a cap of nothing": {
    code: "MOE114",
    spec: routing("logitSoftCap: ⟦0⟧"),
    says: "logitSoftCap = 0 is not a positive finite number",
  },
  "a weight layout that there is not": {
    code: "MOE102",
    spec: field('weights: ⟦"interleaved"⟧ as never'),
    says: 'weights = "interleaved"',
    nearest: ["fused", "separate", "side_by_side"],
  },
  "a token axis twice": {
    code: "MOE121",
    spec: specText({ mesh: '{ ep: 4, tokenAxes: ["data", ⟦"data"⟧] }' }),
    says: 'token axis "data" is repeated',
  },
  "token axes out of order": {
    code: "MOE121",
    spec: specText({ mesh: '{ ep: 4, tokenAxes: ["tensor", ⟦"data"⟧] }' }),
    says: 'token axis "data" comes before "tensor" in axes',
    nearest: ['["data","tensor"]'],
  },
  "a mesh axis that is no name": {
    code: "MOE107",
    spec: specText({ mesh: '{ ep: 4, axes: [⟦"data axis"⟧] }' }),
    says: 'mesh axis "data axis" is not an identifier',
    nearest: ["data_axis"],
  },
};

describe.each(Object.entries(combinations))("%s", (_, { code, spec, says, nearest, rule }) => {
  test(code, async () => {
    const { found, place, diagnostics } = await checkText(spec, code);
    expect(found, JSON.stringify(diagnostics, null, 1)).toMatchObject({
      severity: "error",
      message: says,
      ...place,
    });
    if (nearest !== undefined) expect(found?.nearest).toEqual(nearest);
    if (rule !== undefined) expect(found?.rule).toBe(rule);
  });
});

test("each of the new fields is accepted where it is legal", async () => {
  const texts = [
    field("biases: true"),
    field('sharedExperts: { count: 3, intermediate: 128, gate: "sigmoid" }'),
    given("redundantExperts: 16"),
    specText({ mesh: '{ ep: 4, tokenAxes: ["data"] }' }),
    routing("scoreChosen: true"),
    routing("scoreNear: 0.02"),
    field("identityExperts: 64"),
    given("identityExperts: 1"),
  ];
  for (const text of texts) expect((await checkText(text)).diagnostics).toEqual([]);
});
