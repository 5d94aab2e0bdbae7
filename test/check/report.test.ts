/** How diagnostics come out together: all at once, by position, and as text. */
import { describe, expect, test } from "vitest";
import { renderDiagnostics, summarise } from "../../src/check/render.ts";
import { BUCKET, checkText, LAYER, specText } from "./marked.ts";

test("prints as in the sketch", async () => {
  const { diagnostics, text } = await checkText(
    specText({ tiles: "{ prefill: { upTo: 8192, bt: 256, bf: 512, bd: 2048 } }" }),
  );
  const named = diagnostics.map((diagnostic) => ({ ...diagnostic, file: "spec.moe.ts" }));
  expect(
    renderDiagnostics(named, { color: false, texts: { "spec.moe.ts": text } }),
  ).toMatchInlineSnapshot(`
      "spec.moe.ts:15:76  error MOE104  bf = 512 does not divide F = 768

         15 |   schedule: { kind: "gather", tiles: { prefill: { upTo: 8192, bt: 256, bf: 512, bd: 2048 } } },
            |                                                                            ^^^
        kernel › schedule › prefill › bf › 768 % 512 = 256
        rule: an intermediate tile divides F and is a multiple of 128 lanes (bfloat16)
        nearest legal: 384, 768
      "
    `);
});

test("reports every error at once, by position", async () => {
  const { diagnostics, plan } = await checkText(
    specText({
      name: '"3d"',
      layer: LAYER.replace("topK: 8", "topK: 129"),
      mesh: '{ ep: 3, axes: ["data", "data"] }',
      devices: '["v6e", "v6e"]',
      tiles:
        "{ a: { upTo: 64, bt: 7, bf: 100, bd: 2048 }, b: { upTo: 64, bt: 16, bf: 768, bd: 9 } }",
    }),
  );
  expect(diagnostics.map(({ code }) => code)).toEqual([
    "MOE101",
    "MOE105",
    "MOE106",
    "MOE107",
    "MOE108",
    "MOE104",
    "MOE104",
    "MOE110",
    "MOE104",
  ]);
  expect(plan).toBeUndefined();
  expect(summarise(diagnostics)).toBe("9 errors");
});

test("a stray key is reported at its name and spoils nothing else", async () => {
  const { found, place, diagnostics } = await checkText(
    specText({ tiles: "{ decode: { upTo: 256, bt: 64, bf: 512, bd: 2048, ⟦bfc⟧: 3 } }" }),
    "MOE102",
  );
  expect(found).toMatchObject({ ...place, message: "decode has no bfc; did you mean bf?" });
  expect(diagnostics.map(({ code }) => code)).toEqual(["MOE104", "MOE102"]);
});

describe("points at what was written", () => {
  const cases: Readonly<Record<string, string>> = {
    "a constant": `const F = ⟦512⟧;\n${specText({
      tiles: "{ decode: { upTo: 256, bt: 64, bf: F, bd: 2048 } }",
    })}`,
    "a spread": `const base = { upTo: 256, bt: 64, bf: ⟦512⟧ };\n${specText({
      tiles: "{ decode: { ...base, bd: 2048 } }",
    })}`,
    "a shorthand": `const bf = ⟦500 + 12⟧;\n${specText({
      tiles: "{ decode: { upTo: 256, bt: 64, bf, bd: 2048 } }",
    })}`,
    "a member of a choice": specText({
      tiles: "{ decode: { upTo: 256, bt: 64, bf: choices(768, ⟦512⟧), bd: 2048 } }",
    }),
    "a spec that has a name": specText({
      tiles: "{ decode: { upTo: 256, bt: 64, bf: ⟦512⟧, bd: 2048 } }",
    })
      .replace("export default moe", "const spec = moe")
      .concat("export default spec;\n"),
    "what a function made": `const make = () => (${BUCKET.replace("768", "512")});\n${specText({
      tiles: "{ decode: ⟦make()⟧ }",
    })}`,
  };
  test.each(Object.entries(cases))("%s", async (_, spec) => {
    const { found, place } = await checkText(spec, "MOE104");
    expect(found).toMatchObject(place);
  });

  test("a value from a config is at the call, an override at itself", async () => {
    const config = {
      architectures: ["Qwen3MoeForCausalLM"],
      num_experts: 128,
      num_experts_per_tok: 200,
      hidden_size: 2048,
      moe_intermediate_size: 768,
      norm_topk_prob: true,
    };
    const head = 'import config from "./config.json" with { type: "json" };\n';
    const call = specText({ layer: "⟦moe.fromHuggingFace(config)⟧" });
    const from = await checkText(head + call, "MOE105", config);
    expect(from.found).toMatchObject({
      ...from.place,
      note: expect.stringContaining("num_experts_per_tok"),
    });
    const override = specText({ layer: "moe.fromHuggingFace(config, { topK: ⟦300⟧ })" });
    const own = await checkText(head + override, "MOE105", config);
    expect(own.found).toMatchObject(own.place);
    expect(own.found).not.toHaveProperty("note");
  });
});
