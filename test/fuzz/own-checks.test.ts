/** Whatever the checker accepts, the package accepts too: a legal spec's kernel never just raises. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import lingFlash from "../../examples/configs/ling-flash-2.0.json" with { type: "json" };
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { auto, type LayerInput, type MoeInput, moe } from "../../src/index.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { long } from "../long.ts";
import { legalSpecs } from "./legal.ts";
import { refusals } from "./own-checks.ts";
import { randomPlans } from "./plans.ts";

/** Packages of each property. */
const PLANS = long ? 120 : 20;

type Weights = NonNullable<LayerInput["quantization"]>;

const planOf = (input: MoeInput): Plan | undefined => judge(moe(input), registries).plan;

/** Ling-flash's layer, its routed weights with scales of 256, its shared expert's in bfloat16. */
const ling: MoeInput = {
  name: "ling_flash",
  layer: {
    ...moe.fromHuggingFace(lingFlash),
    quantization: { weights: "int8", granularity: { kind: "sub_channel", block: 256 } },
    sharedExperts: { count: 1, intermediate: 1024, quantization: "none" },
  },
  mesh: { ep: 8 },
  devices: ["v6e", "v7x"],
  schedule: { kind: "gather", tiles: { all: { upTo: 256, bt: auto, bf: 512, bd: auto } } },
};

/** Scales of routed and shared weights that differ, and tiles that both must keep. */
const apart = fc
  .record({
    spec: legalSpecs,
    routed: fc.constantFrom(32, 64, 128, 192, 256, 384, 512),
    shared: fc.constantFrom(undefined, 32, 128, 192, 256, 384, 512),
    hidden: fc.constantFrom(384, 512, 768, 1024, 1536),
    intermediate: fc.constantFrom(128, 192, 256, 384, 512, 768),
    columns: fc.constantFrom(128, 384, 512, 768, 1024, 1536),
    bf: fc.constantFrom(auto, 128, 256, 384),
    bd: fc.constantFrom(auto, 128, 192, 256, 384, 512),
  })
  .map(({ spec, routed, shared, bf, bd, columns, hidden, intermediate }): MoeInput => {
    const scales = (block: number): Weights => ({
      weights: "int8",
      granularity: { kind: "sub_channel", block },
    });
    const { wire: _, ...layer } = spec.layer;
    return {
      ...spec,
      layer: {
        ...layer,
        hidden,
        intermediate,
        dtype: "bfloat16",
        quantization: scales(routed),
        sharedExperts: {
          count: 1,
          intermediate: columns,
          quantization: shared === undefined ? "none" : scales(shared),
        },
      },
      schedule: { kind: "gather", tiles: { all: { upTo: 300, bt: auto, bf, bd } } },
    };
  });

describe("what the checker accepts its package accepts", () => {
  test("Ling-flash at ep 8, its shared expert in tiles of 128 beside scales of 256", async () => {
    const plan = planOf(ling);
    if (plan === undefined) expect.unreachable("the checker refuses it");
    expect([...(await refusals([plan]))]).toEqual([]);
  });

  test("random specs", async () => {
    const plans = randomPlans(PLANS, 14);
    expect(plans.length).toBe(PLANS);
    expect([...(await refusals(plans))]).toEqual([]);
  });

  test("routed and shared scales of any two sizes", async () => {
    const plans = fc
      .sample(apart, { numRuns: long ? 2500 : 1000, seed: 14 })
      .flatMap((input) => planOf(input) ?? [])
      .slice(0, PLANS);
    expect(plans.length).toBe(PLANS);
    expect([...(await refusals(plans))]).toEqual([]);
  });
});
