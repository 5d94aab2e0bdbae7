/** What TypeScript refuses. Each ts-expect-error fails the type check if the line under it is legal. */
import { describe, expect, expectTypeOf, test } from "vitest";
import qwen from "../../examples/configs/qwen3-30b-a3b.json" with { type: "json" };
import { auto, choices, type LayerInput, type MoeSpec, moe } from "../../src/index.ts";

const layer = {
  experts: 8,
  topK: 2,
  hidden: 256,
  intermediate: 256,
  activation: "silu",
  routing: { where: "kernel", scoring: "softmax", renormalize: true },
} as const satisfies LayerInput;

const schedule = {
  kind: "gather",
  tiles: { all: { upTo: 64, bt: 16, bf: 256, bd: 256 } },
} as const;

const base = { name: "small", layer, mesh: { ep: 2 }, devices: ["v6e"], schedule } as const;

describe("refused by the compiler", () => {
  test("at the top", () => {
    // @ts-expect-error unknown key
    moe({ ...base, name: "small", tokens: 3 });
    // @ts-expect-error a device that there is not
    moe({ ...base, devices: ["v9"] });
    // @ts-expect-error no device
    moe({ ...base, devices: [] });
    // @ts-expect-error no mesh axis
    moe({ ...base, mesh: { ep: 2, axes: [] } });
    // @ts-expect-error a schedule that there is not
    moe({ ...base, schedule: { ...schedule, kind: "scatter" } });
    // @ts-expect-error no layer
    moe({ name: "small", mesh: { ep: 2 }, devices: ["v6e"], schedule });
  });

  test("in the layer", () => {
    // @ts-expect-error given routing has no scoring
    moe({ ...base, layer: { ...layer, routing: { where: "given", scoring: "softmax" } } });
    // @ts-expect-error routing in the kernel needs a scoring
    moe({ ...base, layer: { ...layer, routing: { where: "kernel", renormalize: true } } });
    // @ts-expect-error a dtype that there is not
    moe({ ...base, layer: { ...layer, dtype: "float16" } });
    // @ts-expect-error an activation that there is not
    moe({ ...base, layer: { ...layer, activation: "relu" } });
    // @ts-expect-error shared experts are the config's, written out, or outside
    moe.fromHuggingFace(qwen, { sharedExperts: "inside" });
    // @ts-expect-error an override that there is not
    moe.fromHuggingFace(qwen, { expert: 3 });
  });

  test("in the tiles", () => {
    const bucket = { upTo: 64, bt: 16, bf: 256, bd: 256 } as const;
    // @ts-expect-error unknown key
    moe({ ...base, schedule: { kind: "gather", tiles: { all: { ...bucket, bfc: 3 } } } });
    // @ts-expect-error slots that are no number
    moe({ ...base, schedule: { kind: "gather", tiles: { all: { ...bucket, slots: "2" } } } });
    // @ts-expect-error no row count
    moe({ ...base, schedule: { kind: "gather", tiles: { all: { ...bucket, btc: [] } } } });
    // @ts-expect-error a choice of one
    choices(1);
  });
});

test("values", () => {
  expectTypeOf(moe(base)).toEqualTypeOf<MoeSpec>();
  expectTypeOf(moe.fromHuggingFace(qwen)).toEqualTypeOf<MoeSpec["layer"]>();
  expect(choices(256, 384)).toEqual({ kind: "choices", values: [256, 384] });
  expect(auto).toEqual({ kind: "auto" });
});

test("defaults are filled in, and the result is frozen plain data", () => {
  const spec = moe(base);
  expect(JSON.parse(JSON.stringify(spec))).toEqual({
    ...base,
    layer: {
      ...layer,
      dtype: "bfloat16",
      weights: "fused",
      routing: { ...layer.routing, scalingFactor: 1 },
    },
    mesh: { ep: 2, axes: ["data", "tensor"] },
    emit: { reference: true },
  });
  expect(Object.isFrozen(spec.layer.routing)).toBe(true);
  expect(Object.isFrozen(spec.schedule.tiles)).toBe(true);
});
