/** A field under a wrong name, or in a wrong place, is one error that says what was meant. */
import { describe, expect, test } from "vitest";
import { checkText, LAYER, specText } from "./marked.ts";

const layer = (from: string, to: string): string => specText({ layer: LAYER.replace(from, to) });
const routed = (fields: string): string =>
  layer('routing: { where: "kernel", scoring: "softmax", renormalize: true }', fields);

describe("a name that is not known", () => {
  test.each<readonly [string, string]>([
    [layer("topK: 8", "⟦topk⟧: 8"), "layer has no topk; did you mean topK?"],
    [layer("topK: 8", "⟦top_k⟧: 8"), "layer has no top_k; did you mean topK?"],
    [
      layer("experts: 128", "⟦num_experts⟧: 128"),
      "layer has no num_experts; did you mean experts?",
    ],
    [layer("hidden: 2048", "⟦hiden⟧: 2048"), "layer has no hiden; did you mean hidden?"],
    [
      routed('routing: { where: "kernel", scoring: "softmax", ⟦renormalise⟧: true }'),
      "routing has no renormalise; did you mean renormalize?",
    ],
    [
      specText({ tiles: "{ decode: { ⟦upto⟧: 256, bt: 64, bf: 768, bd: 2048 } }" }),
      "decode has no upto; did you mean upTo?",
    ],
    [specText({ mesh: "{ ⟦eps⟧: 4 }" }), "mesh has no eps; did you mean ep?"],
    [specText({ more: "  ⟦emmit⟧: {},\n" }), "a spec has no emmit; did you mean emit?"],
    [
      layer("hidden: 2048", 'hidden: 2048, wire: { ⟦dispach⟧: "int8" }'),
      "wire has no dispach; did you mean dispatch?",
    ],
    [
      layer('activation: "silu"', 'activation: { kind: "clamped_swiglu", ⟦limits⟧: 7 }'),
      "activation has no limits; did you mean limit?",
    ],
    [
      layer(
        "hidden: 2048",
        'hidden: 2048, quantization: { weights: "int8", ⟦granularty⟧: "per_channel" }',
      ),
      "quantization has no granularty; did you mean granularity?",
    ],
    [
      layer(
        "hidden: 2048",
        "hidden: 2048, sharedExperts: { counts: 1, intermediate: 512 }",
      ).replace("counts", "⟦counts⟧"),
      "sharedExperts has no counts; did you mean count?",
    ],
  ])("%s", async (spec, says) => {
    const { diagnostics, place } = await checkText(spec);
    expect(diagnostics.map(({ message }) => message)).toEqual([says]);
    expect(diagnostics[0]).toMatchObject(place);
    const [, meant] = /did you mean (\w+)/.exec(says) ?? [];
    expect(diagnostics[0]?.nearest).toEqual([meant]);
  });
});

describe("a name that belongs elsewhere", () => {
  test.each<readonly [string, string]>([
    [
      routed('⟦scoring⟧: "softmax", routing: { renormalize: true }'),
      "layer has no scoring; scoring belongs under routing",
    ],
    [
      routed('⟦norm_topk_prob⟧: true, routing: { scoring: "softmax" }'),
      "layer has no norm_topk_prob; renormalize belongs under routing",
    ],
    [layer("topK: 8", "topK: 8, ⟦upTo⟧: 8"), "layer has no upTo; upTo belongs under a bucket"],
    [specText({ more: "  ⟦ep⟧: 4,\n", mesh: "{}" }), "a spec has no ep; ep belongs under mesh"],
    [
      layer("topK: 8", 'topK: 8, ⟦devices⟧: ["v6e"]').replace('  devices: ["v6e"],\n', ""),
      "layer has no devices; devices belongs beside layer, in the spec itself",
    ],
  ])("%s", async (spec, says) => {
    const { diagnostics, place } = await checkText(spec);
    expect(diagnostics.map(({ message }) => message)).toEqual([says]);
    expect(diagnostics[0]).toMatchObject(place);
  });
});

test("a name that is like none says no more than that", async () => {
  const { diagnostics } = await checkText(layer("topK: 8", "topK: 8, flavour: 3"));
  expect(diagnostics.map(({ message }) => message)).toEqual(["layer has no flavour"]);
});

test("what is missing beside a name that means something else is still told", async () => {
  const { diagnostics } = await checkText(layer("topK: 8", "flavour: 3"));
  expect(diagnostics.map(({ message }) => message).sort()).toEqual([
    "layer has no flavour",
    "topK is missing",
  ]);
});

test("rules list the forms that are objects", async () => {
  const granularity = layer(
    "hidden: 2048",
    'hidden: 2048, quantization: { weights: "int8", granularity: "rows" }',
  );
  expect((await checkText(granularity)).diagnostics[0]?.rule).toBe(
    'granularity is "per_channel", "blocks_128x128", { kind: "sub_channel", block: 128 }',
  );
  const activation = layer('activation: "silu"', 'activation: "swiglu"');
  const { rule } = (await checkText(activation)).diagnostics[0] ?? {};
  expect(rule).toContain('{ kind: "clamped_swiglu", limit: 7 }');
  expect(rule).toContain('{ kind: "swigluoai", alpha: 1.702, limit: 7 }');
});

test("routing is in the kernel where the spec does not say", async () => {
  const { diagnostics, loaded } = await checkText(
    routed('routing: { scoring: "softmax", renormalize: true }'),
  );
  expect(diagnostics).toEqual([]);
  expect(loaded?.spec.layer.routing).toMatchObject({ where: "kernel", scalingFactor: 1 });
});
