/** Specs of several kinds of layers: what is judged, where it is said, and what comes out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";
import { layersText, WIDTHS } from "./layer-cases.ts";
import { checkText } from "./marked.ts";

const PAIR = "{ a: { at: [2, 0], layer }, b: { at: { from: 1, to: 7, step: 2 }, layer } }";
const check = (marked: string, config: unknown = {}) => checkText(marked, undefined, config);
const saysOf = async (marked: string, config?: unknown) =>
  (await check(marked, config)).diagnostics.map(({ code, message }) => `${code} ${message}`);

describe("a spec of several kinds of layers", () => {
  test("has a plan for each, under a name of its own, and its layers in order", async () => {
    const { diagnostics, plan, kinds = [] } = await check(layersText(PAIR));
    expect(diagnostics).toEqual([]);
    expect(plan).toBeUndefined();
    expect(kinds.map(({ kind, at, plan: { name } }) => [kind, at, name])).toEqual([
      ["a", [0, 2], "small_a"],
      ["b", [1, 3, 5, 7], "small_b"],
    ]);
  });

  test("a kind's own schedule is its own, and what is wrong in it is said there", async () => {
    const own = (bf: string) =>
      `{ kind: "gather", tiles: { decode: { upTo: 64, bt: 64, bf: ${bf}, bd: 2048 } } }`;
    const kinds = (bf: string) =>
      `{ a: { at: [0], layer }, b: { at: [1], layer, schedule: ${own(bf)} } }`;
    const sound = await check(layersText(kinds("384")));
    expect(sound.kinds?.map(({ plan }) => plan.kernels[0]?.tiles.bf)).toEqual([768, 384]);
    const wrong = await checkText(layersText(kinds("⟦512⟧")), "MOE104", {});
    expect(wrong.found).toMatchObject({
      ...wrong.place,
      trace: ["kernel", "layers", "b", "schedule", "decode", "bf", "768 % 512 = 256"],
      nearest: [384, 768],
    });
    expect(wrong.kinds).toEqual([]);
  });

  test("what is wrong for all of them is said once, what is wrong in one at its literal", async () => {
    const shared = layersText(PAIR).replace("ep: 4", "ep: 6");
    expect(await saysOf(shared)).toEqual(["MOE106 ep = 6 does not divide experts = 128"]);
    const { found, place } = await checkText(
      layersText("{ a: { at: [0], layer: { ...layer, topK: ⟦200⟧ } }, b: { at: [1], layer } }"),
      "MOE105",
      {},
    );
    expect(found).toMatchObject({ ...place, message: "topK = 200 exceeds experts = 128" });
  });

  test("what is wrong in a part that all share, for some of them alone, says for which", async () => {
    const gmm = '{ kind: "gmm", tiles: { decode: { upTo: 64, bt: 64, bf: 384 } } }';
    const kinds = `{ a: { at: [0], layer, schedule: ${gmm} }, b: { at: [1], layer } }`;
    const cut = layersText(kinds).replace("ep: 4", "ep: 4, tp: 2");
    const { diagnostics } = await check(cut);
    const whole = diagnostics.filter(({ code }) => code === "MOE180");
    expect(whole).toMatchObject([{ note: "of the layers b alone" }]);
  });

  test.each([
    ["{}", "MOE172 layers has no kind"],
    ["[]", "MOE102 layers = []"],
    ["{ a: 3 as never }", "MOE102 a = 3"],
    ["{ a: { layer } as never }", "MOE102 at is missing"],
    ["{ a: { at: [0, -1], layer } }", "MOE102 at[1] = -1"],
    ["{ a: { at: [1000], layer } }", "MOE102 at[0] = 1000"],
    ["{ a: { at: [0, 0.5], layer } }", "MOE102 at[1] = 0.5"],
    [
      "{ a: { at: { from: 0, to: 3, stpe: 2 } as never, layer } }",
      'MOE102 at = {"from":0,"to":3,"stpe":2}',
    ],
    ["{ a: { at: { from: 0, to: 3, step: 0 }, layer } }", 'MOE102 at = {"from":0,"to":3,"step":0}'],
    ["{ a: { at: [0, 0], layer } }", "MOE170 layer 0 stands twice in a"],
    ["{ a: { at: { from: 2, to: 1 }, layer } }", "MOE172 a has no layer"],
    ["{ a: { at: [0], layer, bias: 3 } as never }", "MOE102 a has no bias"],
    ["{ Wide: { at: [0], layer } }", 'MOE101 kind "Wide" is not a lower-case Python identifier'],
    ["{ class: { at: [0], layer } }", 'MOE101 kind "class" is not a lower-case Python identifier'],
    ["{ common: { at: [0], layer } }", 'MOE140 kind "common" is a name of the package itself'],
    ["{ small: { at: [0], layer } }", 'MOE140 kind "small" is a name of the package itself'],
    [
      `{ ${"a".repeat(41)}: { at: [0], layer } }`,
      "MOE141 the kind's name has 41 letters, 40 are the most",
    ],
  ])("%s: %s", async (kinds, says) => {
    expect(await saysOf(layersText(kinds))).toEqual([says]);
  });

  test("a range that is none, a layer beside layers and a missing schedule", async () => {
    expect(await saysOf(layersText("{ a: { at: { from: 0, to: 5000 }, layer } }"))).toEqual([
      'MOE102 at = {"from":0,"to":5000}',
    ]);
    const both = layersText("{ a: { at: [0], layer } },\n  layer");
    expect(await saysOf(both)).toEqual(["MOE102 layer stands beside layers"]);
    const without = layersText(PAIR).replace(/ {2}schedule: .*\n/, "");
    expect(await saysOf(without)).toEqual([
      "MOE102 schedule is missing: a, b have none of their own",
    ]);
  });

  test("what is wrong with indices says what one is, and what a step does", async () => {
    const rules = async (at: string) =>
      (await check(layersText(`{ a: { at: ${at} as never, layer } }`))).diagnostics.map(
        ({ message, rule }) => [message, rule],
      );
    expect(await rules('["0"]')).toEqual([['at[0] = "0"', "at[0] is an index from 0 to 999"]]);
    expect(await rules("{ from: 0, to: 3, step: 0.5 }")).toEqual([
      [
        'at = {"from":0,"to":3,"step":0.5}',
        "at is a list of indices from 0 to 999, or { from: 0, to: 6, step: 2 }: from, and each step of 1 or more from there as far as to",
      ],
    ]);
    const { kinds } = await check(layersText("{ a: { at: { from: 1, to: 6, step: 2 }, layer } }"));
    expect(kinds?.map(({ at }) => at)).toEqual([[1, 3, 5]]);
  });

  test("the layers of all kinds together fit a device's HBM, or the next ep that holds them is told", async () => {
    // 3 matrices of 2048 x 768 in bfloat16 are 9 MiB; 32 experts of each of 120 layers.
    const kinds =
      "{ a: { at: { from: 0, to: 59 }, layer }, b: { at: { from: 60, to: 119 }, layer } }";
    const { diagnostics, kinds: judged } = await check(layersText(kinds));
    expect(diagnostics).toMatchObject([
      {
        code: "MOE204",
        severity: "warning",
        message: "the weights of 120 layers need 33.8 GiB a device, v6e has 32.0 GiB of HBM",
        nearest: [8],
      },
    ]);
    expect(judged).toHaveLength(2);
  });

  test("the package has no name of its own modules", async () => {
    const named = layersText("{ a: { at: [0], layer } }", undefined, "layers");
    expect(await saysOf(named)).toEqual(['MOE140 name "layers" is a module of the package itself']);
  });
});

describe("kinds read from a config", () => {
  const kind = (at: string, index: number, more = "") =>
    `{ at: ${at}, layer: moe.fromHuggingFace(config, { at: ${index}, sharedExperts: "outside"${more} }) }`;

  test("have the width of their layers, and as many layers as they hold", async () => {
    const kinds = `{ wide: ${kind("[1, 2]", 2)}, narrow: ${kind("[3]", 3)} }`;
    const auto = '{ kind: "gather", tiles: { decode: { upTo: 256, bt: 64, bf: 256, bd: 2048 } } }';
    const found = await check(layersText(kinds, auto), WIDTHS);
    expect(found.diagnostics).toEqual([]);
    expect(found.kinds?.map(({ plan }) => plan.layer.intermediate)).toEqual([768, 256]);
  });

  test("a layer without experts is none of them", async () => {
    const kinds = `{ all: ${kind("[0, 1, 2]", 1)}, last: ${kind("[3]", 3)} }`;
    const auto = '{ kind: "gather", tiles: { decode: { upTo: 256, bt: 64, bf: 256, bd: 2048 } } }';
    expect(await saysOf(layersText(kinds, auto), WIDTHS)).toEqual([
      "MOE173 layer 0 has no experts in the config",
    ]);
  });

  test("read for no index, holds those that are read alike", async () => {
    const all = (at: string) => `{ all: { at: ${at}, layer: moe.fromHuggingFace(config) } }`;
    const v4 = JSON.parse(
      readFileSync(join(root, "examples/configs/deepseek-v4-flash.json"), "utf8"),
    );
    const rest =
      '{ kind: "gather", tiles: { decode: { upTo: 256, bt: auto, bf: auto, bd: auto } } }';
    const text = (at: string) =>
      layersText(all(at), rest).replace("{ moe }", "{ auto, moe }").replace("v6e", "v7x");
    const { diagnostics } = await check(text("{ from: 0, to: 42 }"), v4);
    expect(diagnostics).toMatchObject([
      {
        code: "MOE173",
        message: "layers 0 to 2 are read otherwise from the config than all",
        nearest: ["at: { from: 3, to: 42 }"],
      },
    ]);
    expect(await saysOf(text("{ from: 3, to: 42 }"), v4)).toEqual([
      "MOE171 layers 0 to 2 of the config have experts and no kind",
    ]);
  });

  test("of a config that does not say how deep the model is, which layers there are is not known", async () => {
    const { num_hidden_layers: _, ...unknown } = { ...WIDTHS, moe_intermediate_size: 768 };
    expect(await saysOf(layersText(`{ all: ${kind("[1]", 1)} }`), unknown)).toEqual([
      "MOE173 how many layers the model has is not read from all's config: which of them are of its kind is not known",
    ]);
  });

  test("where all layers of a kind are of others, none is proposed", async () => {
    const kinds = `{ wide: ${kind("[1, 2]", 1)}, again: ${kind("[3]", 1)} }`;
    const { diagnostics } = await check(layersText(kinds), WIDTHS);
    expect(diagnostics).toMatchObject([{ code: "MOE173", nearest: [] }]);
  });

  test("rows of another type than other layers' are refused", async () => {
    const float = '{ ...layer, dtype: "float32" as const }';
    expect(
      await saysOf(layersText(`{ a: { at: [0], layer }, b: { at: [1], layer: ${float} } }`)),
    ).toContain(
      'MOE175 dtype = "float32" in b, "bfloat16" in a: a model\'s layers have the type of rows alike',
    );
  });

  test("what is read at a layer without experts says so", async () => {
    const kinds = `{ all: ${kind("[1, 2, 3]", 0, ", intermediate: 768")} }`;
    expect(await saysOf(layersText(kinds), WIDTHS)).toContain(
      "MOE173 layer 0 has no experts in the config",
    );
  });
});
