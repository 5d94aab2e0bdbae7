/** Rounds of a call: how many entries each has room for, and what is predicted of several. */
import { beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { auto, moe } from "../../src/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { layerOf } from "../../src/predict/contender.ts";
import type { Job } from "../../src/predict/job.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { NOBODY, sampleRouting } from "../../src/predict/routing/sample.ts";
import type { Skew } from "../../src/predict/routing/skew.ts";
import { jobOf } from "../../src/predict/run.ts";
import type { Step } from "../../src/predict/step.ts";
import { roundsOf } from "../../src/schedule/gmm/rounds.ts";
import { roundOf, roundPercent } from "../../src/schedule/gmm/sizes.ts";
import { steps } from "../../src/schedule/gmm/steps.ts";
import { devices } from "../../src/target/device/registry.ts";
import { layer } from "./small-layer.ts";

describe("a round", () => {
  test("has room for all entries of one device, and of two with few experts, whatever T is", () => {
    for (const ep of [1, 2]) {
      for (const tokens of [1, 3, 64, 8192]) {
        const { allTokens, entries } = roundOf(layer, { ep }, tokens);
        expect(entries).toBe(allTokens * layer.topK);
      }
    }
  });

  test("has as many entries as have lists in SMEM, whatever T is", () => {
    expect(roundOf(layer, { ep: 1 }, 131_072).entries).toBe(65_536);
  });

  test("has room for half as many again as a device's average, of few experts for twice, and for padding", () => {
    const { entries, rows } = roundOf({ topK: 8, experts: 128 }, { ep: 8 }, 8192);
    expect(entries).toBe((1.5 * 8192 * 8) / 8);
    expect(rows).toBe(entries + 16 * 15);
    const few = roundOf({ topK: 8, experts: 256 }, { ep: 32 }, 8192);
    expect(few.entries).toBe((2 * 8192 * 8) / 32);
  });

  /** What the device with most has of all entries, in percent of the average: of eight draws the worst. */
  function worst(experts: number, ep: number, s: number): number {
    const draws = Array.from({ length: 8 }, (_, seed) => {
      const { ids } = sampleRouting({
        tokens: 512,
        topK: 8,
        experts,
        skew: { kind: "zipf", s },
        seed,
      });
      const counts = Array.from({ length: ep }, () => 0);
      for (const id of ids) counts[Math.floor((id * ep) / experts)]! += 1;
      return (100 * ep * Math.max(...counts)) / ids.length;
    });
    return Math.max(...draws);
  }

  test.each([
    [128, 8],
    [256, 8],
    [256, 4],
  ])(
    "of %i experts on %i devices holds what popular ones bring, weights of rank ** -0.5",
    (experts, ep) => {
      expect(worst(experts, ep, 0.5)).toBeLessThan(roundPercent(experts, ep));
    },
  );
});

describe("predicted rounds", () => {
  let plan: Plan;
  let kernel: KernelPlan;
  const tokens = 1024;
  const experts = 64;

  beforeAll(() => {
    const spec = {
      name: "rounds",
      layer: { ...layer, experts, sharedExperts: { count: 1, intermediate: 512 } },
      mesh: { ep: 4, axes: ["data", "tensor"] as const },
      devices: ["v6e"] as const,
      schedule: { kind: "gmm" as const, tiles: { all: { upTo: tokens, bt: auto, bf: auto } } },
    };
    const judged = judge(
      moe({ ...spec, mesh: { ep: 4, axes: ["data", "tensor"] }, devices: ["v6e"] }),
      registries,
    );
    if (judged.plan === undefined) throw new Error(judged.findings.map((f) => f.message).join());
    plan = judged.plan;
    kernel = lowerFor(plan, { device: "v6e", tokens }, registries);
  });

  const job = (skew: Skew): Job =>
    jobOf({
      ...{ device: devices.v6e, ep: 4, tokens, layer: layerOf(plan), tiles: {}, skew },
    });

  /** Tokens of which a part choose the first device's experts alone. */
  const crowded = (part: number): Skew => ({
    kind: "recorded",
    tokens: Array.from({ length: 64 }, (_, token) =>
      token < 64 * part
        ? [0, 1, 2, 3]
        : [token % 16, 16 + (token % 16), 32 + (token % 16), 48 + (token % 16)],
    ),
  });

  test("have each entry once, of an expert after the other, as many as there is room for", () => {
    const whole = job(crowded(0.75));
    const { entries } = roundOf(plan.layer, plan.mesh, tokens);
    const rounds = roundsOf(whole, entries);
    // The first device has 0.75 + 0.25 / 4 of all, and room for 1.5 / 4.
    expect(rounds).toHaveLength(3);
    const lots = rounds.map(({ routing }) => [...routing.ids]);
    whole.routing.ids.forEach((expert, entry) => {
      expect(lots.map((ids) => ids[entry]).filter((id) => id !== NOBODY)).toEqual([expert]);
    });
    const first = lots.map((ids) => ids.filter((id) => id !== NOBODY && id < experts / 4));
    expect(first.map((ids) => ids.length)).toEqual([entries, entries, 3328 - 2 * entries]);
    expect(Math.max(...(first[0] ?? []))).toBeLessThanOrEqual(Math.min(...(first[1] ?? [])));
  });

  test("move rows and start kernels once each, and take longer than one", () => {
    const free = { total: 0, tracing: 0, scopes: {}, loops: [] };
    const seconds = (part: number): readonly [number, number] => {
      const call = job(crowded(part));
      const made: readonly Step[] = steps(kernel, free, call);
      const moves = made.filter((step) => step.do === "spend" && step.stage === "rows by expert");
      return [moves.length, simulate(made, call.device, call.ep).seconds];
    };
    const [[one, fast], [three, slow]] = [seconds(0), seconds(0.75)];
    expect([one, three]).toEqual([1, 3]);
    const moved = kernel.calls.find(({ name }) => name === "rows by expert");
    const bytes = moved?.kind === "xla" ? moved.bytes : 0;
    const { hbmBandwidth, timing } = devices.v6e;
    const each = bytes / (hbmBandwidth * timing.gatherEfficiency.value);
    expect(slow - fast).toBeGreaterThan(2 * each);
  });

  test("after the first one have no shared experts", () => {
    const loops = (part: number): number => {
      const found: string[] = [];
      const visit = (some: readonly Step[]): void => {
        for (const step of some) {
          if (step.do === "loop") found.push(step.name);
          if (step.do === "loop" || step.do === "when") visit(step.body);
        }
      };
      visit(steps(kernel, { total: 0, tracing: 0, scopes: {}, loops: [] }, job(crowded(part))));
      return found.filter((name) => name === "shared tile").length;
    };
    expect([loops(0), loops(0.75)]).toEqual([1, 1]);
  });
});

test("auto takes rows of a tile that leave little over: an expert's weights are read for each", () => {
  const wide = {
    ...{ ...layer, experts: 256, topK: 8, hidden: 7168, intermediate: 2048 },
    quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
  } as const;
  const tilesAt = (upTo: number) => {
    const { plan } = judge(
      moe({
        name: "tall",
        layer: wide,
        mesh: { ep: 32, axes: ["data", "tensor"] },
        devices: ["v7x"],
        schedule: { kind: "gmm", tiles: { all: { upTo, bt: auto, bf: auto } } },
      }),
      registries,
    );
    const { bt = 0 } = plan?.kernels[0]?.tiles ?? {};
    return bt;
  };
  // 512 rows of an expert on average: two tiles hold those of nearly all.
  const most = 512 + 2 * Math.sqrt(512);
  expect(2 * tilesAt(16_384)).toBeGreaterThanOrEqual(most);
  expect(2 * tilesAt(16_384)).toBeLessThan(most + 2 * 32);
  // 128: one.
  expect(tilesAt(4096)).toBeGreaterThanOrEqual(128 + 2 * Math.sqrt(128));
});
