/** One case for each diagnostic code: what triggers it and exactly where it points. */
import { describe, expect, test } from "vitest";
import { type Code, codes } from "../../src/check/codes.ts";
import { bucketCases } from "./bucket-cases.ts";
import { expertCases } from "./expert-cases.ts";
import { BUCKET, checkText, LAYER, published, QWEN, specText } from "./marked.ts";
import { quantizationCases } from "./quantization-cases.ts";
import { type Case, rowCases } from "./row-cases.ts";
import { severalCases } from "./several-cases.ts";

const tiles = (bucket: string): string => specText({ tiles: `{ decode: ${bucket} }` });
const layer = (from: string, to: string): string => specText({ layer: LAYER.replace(from, to) });

const cases: Readonly<Record<Exclude<Code, "MOE001">, Case>> = {
  ...bucketCases,
  ...expertCases,
  MOE002: { spec: specText({ mesh: "{ ep: ⟦}⟧" }), says: "Expression expected." },
  MOE003: {
    spec: `import { gone } from ⟦"./gone.ts"⟧;\n${specText({ more: "  source: gone,\n" })}`,
    says: 'cannot import "./gone.ts"',
  },
  MOE004: { spec: "⟦e⟧xport const layer = 1;\n", says: "the spec has no default export" },
  MOE005: {
    spec: 'const a = 1;\nexport default ⟦{ name: "small" }⟧;\n',
    says: 'the default export is {"name":"small"}, not made by moe()',
  },
  MOE006: {
    spec: "⟦a⟧wait new Promise(() => {});\nexport default 3;\n",
    says: "the spec does not come to its end: it awaits what nothing can bring about any more",
  },
  MOE101: {
    spec: specText({ name: '⟦"qwen3-30b"⟧' }),
    says: 'name "qwen3-30b" is not a Python identifier',
    nearest: ["qwen3_30b"],
  },
  MOE140: {
    spec: specText({ name: '⟦"jax"⟧' }),
    says: 'name "jax" is a package that the generated one imports',
    nearest: ["jax_moe"],
  },
  MOE141: {
    spec: specText({ name: `⟦"${"a".repeat(300)}"⟧` }),
    says: "name has 300 letters, 100 are the most",
    nearest: ["a".repeat(100)],
  },
  MOE102: {
    spec: specText({ devices: '["v6e", ⟦"v9z"⟧ as "v6e"]' }),
    says: 'devices[1] = "v9z"',
    nearest: ["v5e", "v5p", "v7x"],
  },
  MOE103: {
    spec: layer("hidden: 2048", "hidden: ⟦2048.5⟧"),
    says: "hidden = 2048.5 is not a positive integer",
    nearest: [2048, 4096],
  },
  MOE104: {
    spec: tiles("{ upTo: 256, bt: 64, bf: ⟦512⟧, bd: 2048 }"),
    says: "bf = 512 does not divide F = 768",
    nearest: [384, 768],
  },
  MOE105: {
    spec: layer("topK: 8", "topK: ⟦200⟧"),
    says: "topK = 200 exceeds experts = 128",
    nearest: [32],
  },
  MOE106: {
    spec: specText({ mesh: "{ ep: ⟦6⟧ }" }),
    says: "ep = 6 does not divide experts = 128",
    nearest: [4, 8],
  },
  MOE107: {
    spec: specText({ mesh: '{ ep: 4, axes: ["data", ⟦"data"⟧] }' }),
    says: 'mesh axis "data" is repeated',
  },
  MOE108: { spec: specText({ devices: '["v6e", ⟦"v6e"⟧]' }), says: 'device "v6e" is repeated' },
  MOE109: { spec: specText({ tiles: "⟦{}⟧" }), says: "tiles has no bucket" },
  MOE110: {
    spec: specText({
      tiles: `{ prefill: ${BUCKET}, decode: { upTo: ⟦64⟧, bt: 64, bf: 768, bd: 2048 } }`,
    }),
    says: "upTo = 64 does not exceed 256 of prefill before it",
  },
  MOE112: {
    spec: layer("intermediate: 768", "intermediate: ⟦100⟧"),
    says: "intermediate = 100 is not a multiple of 128 lanes",
    nearest: [768, 1536],
  },
  MOE144: {
    spec: specText({
      tiles: `{ decode: ${BUCKET.replace("}", ', rows: ⟦"hbm"⟧ }')}, prefill: ${BUCKET.replace("256", "2048")} }`,
    }),
    says: 'rows = "hbm", but not in prefill',
    nearest: ["vmem", 'rows: "hbm" in prefill'],
  },
  MOE136: {
    spec: specText({
      tiles: '{ decode: { upTo: 256, bt: 64, bf: 768, bd: 2048, transport: ⟦"by dimensions"⟧ } }',
      mesh: "{ ep: 1 }",
    }),
    says: 'transport = "by dimensions" with ep = 1',
    nearest: ["straight"],
  },
  MOE137: {
    spec: specText({
      layer: LAYER.replace("topK: 8", "deterministic: true, topK: 8"),
      tiles:
        "{ decode: { upTo: 64, bt: 64, bf: ⟦768⟧, bd: 2048 }, prefill: { upTo: 256, bt: 64, bf: 384, bd: 2048 } }",
    }),
    says: "bf = 768 with deterministic, 384 in prefill (v6e)",
    nearest: [384],
  },
  MOE138: {
    spec: specText({
      layer: LAYER.replace(
        "topK: 8",
        "deterministic: true, sharedExperts: { count: 1, intermediate: 256 }, topK: 8",
      ),
      mesh: "{ ep: ⟦4⟧ }",
    }),
    says: "ep = 4 with deterministic: gather keeps 256 of the shared experts' 256 columns on a device, not 1 of 4 parts",
    nearest: [2],
  },
  MOE139: {
    spec: specText({
      tiles: '{ decode: { upTo: 256, bt: 64, bf: 768, bd: 2048, routes: ⟦"all"⟧ } }',
      mesh: "{ ep: 1 }",
    }),
    says: 'routes = "all" with ep = 1',
    nearest: ["own"],
  },
  MOE114: {
    spec: layer("renormalize: true", "renormalize: true, scalingFactor: ⟦-1⟧"),
    says: "scalingFactor = -1 is not a positive finite number",
  },
  MOE115: {
    spec: tiles("{ upTo: ⟦1_000_000⟧, bt: 64, bf: 768, bd: 2048 }"),
    says: "upTo = 1000000 tokens × top-8 × D = 2048 is 16384000000 elements, past int32",
    nearest: [6144, 8192],
  },
  MOE116: {
    spec: tiles("{ upTo: 20, bt: ⟦64⟧, bf: 768, bd: 2048 }"),
    says: "bt = 64 rows, but an expert never has more than upTo = 20",
    nearest: [32],
  },
  MOE117: {
    spec: tiles("{ upTo: 256, bt: 64, bf: choices(768, 384, ⟦768⟧), bd: 2048 }"),
    says: "bf = 768 is already one of the choices",
  },
  MOE118: {
    spec: layer(
      "renormalize: true",
      'renormalize: true, groups: { count: 32, kept: ⟦1⟧, score: "sum_of_top_2" }',
    ),
    says: "kept = 1 leaves 4 experts, fewer than topK = 8",
    nearest: [2],
  },
  MOE119: {
    spec: layer("topK: 8,", "topK: 8,\n    sharedExperts: { count: 2, intermediate: ⟦1000⟧ },"),
    says: "2 × 1000 = 2000 shared columns are not a multiple of 128",
    nearest: [960, 1024],
  },
  MOE120: {
    spec: layer("topK: 8,", "topK: 8,\n    redundantExperts: ⟦16⟧,"),
    says: "redundant experts are chosen by the caller, but routing is in the kernel",
    nearest: ['routing: { where: "given" }'],
  },
  MOE121: {
    spec: specText({ mesh: '{ ep: 4, axes: ["data", "tensor"], tokenAxes: [⟦"model"⟧] }' }),
    says: 'token axis "model" is not one of axes',
    nearest: ["data", "tensor"],
  },
  MOE122: {
    spec: specText({ layer: LAYER.replace("128", "512"), mesh: "{ ep: ⟦256⟧ }" }),
    says: "ep = 256 exceeds 128 devices",
    nearest: [128],
  },
  MOE123: {
    spec: layer("topK: 8", "topK: ⟦40⟧"),
    says: "topK = 40 exceeds 32",
    nearest: [32],
  },
  MOE124: {
    spec: layer('scoring: "softmax"', 'scoreChosen: true, scoring: ⟦"none"⟧'),
    says: 'scoring = "none" leaves scoreChosen nothing to do',
    nearest: ["softmax", "sigmoid", "sqrt_softplus"],
  },
  MOE161: {
    spec: layer('scoring: "softmax"', 'scoreNear: 0.02, scoring: ⟦"sigmoid"⟧'),
    says: 'scoreNear makes a softmax of the logits near a chosen one\'s, scoring = "sigmoid"',
    nearest: ["softmax"],
  },
  MOE142: {
    spec: layer("renormalize: true", "renormalize: true, renormEpsilon: { atLeast: ⟦1e-50⟧ }"),
    says: "renormEpsilon = { atLeast: 1e-50 } is 0 in float32",
    nearest: [2 ** -126],
  },
  ...quantizationCases,
  ...rowCases,
  ...severalCases,
  MOE201: {
    spec: specText({
      layer: LAYER.replace("2048", "8192").replace("768", "16384"),
      devices: '["v7x"]',
      tiles: "{ decode: { upTo: 256, bt: 64, bf: ⟦1024⟧, bd: 8192 } }",
    }),
    says: "decode needs 99.0 MiB of 62.0 MiB VMEM on v7x",
    nearest: ["bf 512 → 51.0 MiB", "bd 4096 → 51.0 MiB"],
  },
  MOE202: {
    spec: tiles("{ upTo: ⟦65536⟧, bt: 64, bf: 768, bd: 2048 }"),
    says: "decode needs 2.0 MiB of 1.0 MiB SMEM on v6e",
  },
  MOE203: {
    spec: tiles("{ upTo: 65536, bt: auto, bf: 768, bd: ⟦auto⟧ }"),
    says: "no legal bd, bt fits v6e: the smallest tiles need 1.3 MiB of 126.0 MiB VMEM",
  },
  MOE204: {
    spec: specText({
      layer: LAYER.replace("2048", "8192").replace("768", "16384"),
      mesh: "{ ep: ⟦1⟧ }",
      tiles: "{ decode: { upTo: 256, bt: 64, bf: 256, bd: 8192 } }",
    }),
    says: "the weights of 128 experts need 96.0 GiB, v6e has 32.0 GiB of HBM",
    nearest: [4],
  },
  MOE301: {
    spec: published("config"),
    config: { ...QWEN, architectures: ["Qwen9MoeForCausalLM"] },
    says: "architecture Qwen9MoeForCausalLM is not known",
    nearest: [
      "Qwen3MoeForCausalLM",
      "Qwen2MoeForCausalLM",
      "Qwen3VLMoeForConditionalGeneration",
      "Qwen3OmniMoeForConditionalGeneration",
      "Qwen3OmniMoeThinkerForConditionalGeneration",
      "moe.fromHuggingFace(config, { guess: true })",
    ],
  },
  MOE302: {
    spec: published("config"),
    config: { ...QWEN, hidden_size: null },
    says: "the config has no number in hidden_size, needed for hidden",
  },
  MOE303: {
    spec: published("config"),
    config: {
      ...QWEN,
      architectures: ["BailingMoeV2ForCausalLM"],
      score_function: "tanh",
    },
    says: 'score_function "tanh" is not a scoring the kernel has',
    nearest: ["softmax", "sigmoid", "sqrt_softplus", 'routing: { where: "given" }'],
  },
  MOE305: {
    spec: published("config"),
    config: { ...QWEN, hidden_act: "relu" },
    says: 'hidden_act "relu" is not an activation the kernel has',
    nearest: ["silu", "gelu", "gelu_erf"],
  },
};

const WARNINGS: ReadonlySet<string> = new Set(["MOE116", "MOE147", "MOE153", "MOE204"]);

describe.each(Object.entries(cases))("%s", (code, { spec, says, nearest, config, using }) => {
  test(`${codes[code as Code].title}`, async () => {
    const { found, place, diagnostics } = await checkText(spec, code as Code, config, using);
    expect(found, JSON.stringify(diagnostics, null, 1)).toMatchObject({
      severity: WARNINGS.has(code) ? "warning" : "error",
      message: says,
      ...place,
    });
    if (nearest !== undefined) expect(found?.nearest).toEqual(nearest);
    expect(found?.rule).not.toBe("");
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });
});

test("MOE001: the spec file cannot be read", async () => {
  const { checkPath } = await import("../../src/check/check.ts");
  const { fakes } = await import("./fake-schedule.ts");
  const { diagnostics } = await checkPath("/nowhere/spec.moe.ts", fakes);
  expect(diagnostics).toMatchObject([
    { code: "MOE001", line: 1, column: 1, message: "there is no such file" },
  ]);
});

test("a sound spec has no diagnostics and a plan", async () => {
  const { diagnostics, plan } = await checkText(specText());
  expect(diagnostics).toEqual([]);
  expect(plan?.kernels).toHaveLength(1);
});
