/** From choices to numbers, and to kernels at other token counts. */
import { describe, expect, test } from "vitest";
import minimaxM2 from "../../examples/configs/minimax-m2.5.json" with { type: "json" };
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { auto, choices, type MoeInput, moe } from "../../src/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { fakes } from "./fake-schedule.ts";

type Bucket = Extract<MoeInput["schedule"], { kind: "gather" }>["tiles"][string];

/** Grok-2's sizes: 3 * D * F * 2 bytes is 768 MiB an expert, so that tiles must be chosen. */
function spec(
  tiles: Readonly<Record<string, Bucket>>,
  devices: MoeInput["devices"] = ["v7x"],
  hidden = 8192,
) {
  return moe({
    name: "big",
    layer: {
      experts: 8,
      topK: 2,
      hidden,
      intermediate: 16384,
      activation: "gelu",
      routing: { where: "given" },
    },
    mesh: { ep: 8 },
    devices,
    schedule: { kind: "gather", tiles },
  });
}

function planOf(input: ReturnType<typeof spec>): Plan {
  const { plan, findings } = judge(input, fakes);
  expect(findings).toEqual([]);
  if (plan === undefined) expect.unreachable("no plan");
  return plan;
}

const tilesOf = (plan: Plan) =>
  plan.kernels.map(({ device, tiles: { bt, bf, bd } }) => ({ device, bt, bf, bd }));

describe("auto", () => {
  test("takes bd first, then bf, then bt, on each device for itself", () => {
    const all = { upTo: 512, bt: auto, bf: auto, bd: auto };
    expect(tilesOf(planOf(spec({ all }, ["v6e", "v7x"])))).toEqual([
      { device: "v6e", bt: 512, bf: 1024, bd: 8192 },
      { device: "v7x", bt: 288, bf: 512, bd: 8192 },
    ]);
  });

  test("keeps what is written beside it", () => {
    const all = { upTo: 256, bt: 64, bf: auto, bd: 2048 };
    expect(tilesOf(planOf(spec({ all })))).toEqual([{ device: "v7x", bt: 64, bf: 2048, bd: 2048 }]);
  });

  test("takes no more rows than the bucket has tokens", () => {
    const all = { upTo: 20, bt: auto, bf: 128, bd: 8192 };
    expect(tilesOf(planOf(spec({ all })))[0]).toMatchObject({ bt: 32 });
  });

  test("holds the rows of most experts before it widens the weights' tiles", () => {
    // MiniMax-M2's layer: with the widest weight tiles there is room for 16 rows.
    const minimax = moe({
      name: "minimax",
      layer: moe.fromHuggingFace(minimaxM2),
      mesh: { ep: 16 },
      devices: ["v7x"],
      schedule: {
        kind: "gather",
        tiles: { prefill: { upTo: 2048, bt: auto, bf: auto, bd: auto } },
      },
    });
    const { plan } = judge(minimax, registries);
    expect(plan === undefined ? [] : tilesOf(plan)).toEqual([
      { device: "v7x", bt: 128, bf: 256, bd: 3072 },
    ]);
  });

  test("says how each number was chosen, and cuts btc to bt", () => {
    const all = {
      upTo: 64,
      bt: auto,
      btc: [16, 64, 128],
      bf: choices(256, 512),
      bd: 8192,
    } as const;
    const { resolved } = judge(spec({ all }), fakes);
    expect(resolved[0]?.chosen).toEqual({ bt: "auto", bf: "first of choices", bd: "written" });
    expect(resolved[0]?.request).toMatchObject({ bt: 64, btc: [16, 64], bf: 256 });
  });
});

describe("what would fit", () => {
  test("changes several axes where one is not enough", () => {
    const all = { upTo: 8192, bt: 512, bf: 16384, bd: 32768 };
    const { findings } = judge(spec({ all }, ["v7x"], 32768), fakes);
    expect(findings).toMatchObject([{ code: "MOE201", nearest: ["bf 128, bt 64 → 60.0 MiB"] }]);
  });

  test("is fewer slots where that is enough", () => {
    const all = { upTo: 256, bt: 64, bf: 512, bd: 8192, slots: 3 } as const;
    const { findings } = judge(spec({ all }), fakes);
    expect(findings[0]?.nearest).toContain("slots 2 → 51.0 MiB");
  });

  test("names the biggest buffers", () => {
    const all = { upTo: 256, bt: 64, bf: 1024, bd: 8192 };
    const { findings } = judge(spec({ all }), fakes);
    expect(findings[0]?.note).toBe(
      "biggest buffers: weights × 2 slots 96.0 MiB · sums 2.0 MiB · rows 1.0 MiB",
    );
  });
});

test("a refused layer whose tiles would be no whole number of slots is judged to its end", () => {
  const { findings } = judge(
    moe({
      name: "cut",
      layer: {
        ...{ experts: 16, topK: 11, hidden: 512, intermediate: 640 },
        activation: "silu",
        routing: { where: "kernel", scoring: "softmax", renormalize: true },
        sharedExperts: {
          ...{ count: 1, intermediate: 640 },
          quantization: {
            ...{ weights: "int8", granularity: { kind: "sub_channel", block: 256 } },
            scales: "float32",
          },
        },
      },
      mesh: { ep: 2, axes: ["x"] },
      devices: ["v7x"],
      schedule: { kind: "gather", tiles: { all: { upTo: 10, bt: auto, bf: auto, bd: auto } } },
    }),
    registries,
  );
  expect(findings.map(({ code }) => code)).toContain("MOE125");
});

describe("lowerFor", () => {
  const plan = planOf(
    spec({
      decode: { upTo: 64, bt: 16, bf: 256, bd: 8192 },
      prefill: { upTo: 2048, bt: 128, bf: auto, bd: 8192 },
    }),
  );

  test.each([
    [1, "decode"],
    [64, "decode"],
    [65, "prefill"],
    [100_000, "prefill"],
  ])("serves T = %i from %s", (tokens, bucket) => {
    const kernel = lowerFor(plan, { device: "v7x", tokens }, fakes);
    expect(kernel).toMatchObject({ bucket, tokens });
  });

  test("takes the plan's tiles to a device that it lacks", () => {
    const kernel = lowerFor(plan, { device: "v5e", tokens: 64 }, fakes);
    expect(kernel).toMatchObject({ device: "v5e", tiles: { bt: 16, bf: 256 } });
    expect(() => lowerFor(plan, { device: "v9", tokens: 64 }, fakes)).toThrow(/known: v5e, v5p/);
  });

  test("a plan is JSON, and lowers again to itself", () => {
    const copy = JSON.parse(JSON.stringify(plan)) as Plan;
    expect(copy).toEqual(plan);
    const again = copy.kernels.map(({ device, tokens }) =>
      lowerFor(copy, { device, tokens }, fakes),
    );
    expect(again).toEqual(plan.kernels);
  });
});

describe("tokens of a call", () => {
  const ofAll = (upTo: number) =>
    judge(spec({ all: { upTo, bt: auto, bf: auto, bd: auto } }), registries).findings;

  test("are as many as have numbered rows: gather's are of tokens, not of routed entries", () => {
    // With k = 2 rows of each, 2^31 elements would be passed from 131,072 on.
    expect(ofAll(163_840)).toEqual([]);
  });

  test("are no more", () => {
    expect(ofAll(300_000)).toMatchObject([
      { code: "MOE115", message: expect.stringContaining("300000 tokens × D = 8192 is") },
    ]);
  });
});
