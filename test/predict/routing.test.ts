import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readRouting } from "../../src/predict/routing/file.ts";
import { imbalance, type Routing, sampleRouting, Tally } from "../../src/predict/routing/sample.ts";
import { parseSkew, type Skew, skewName } from "../../src/predict/routing/skew.ts";

const sample = (skew: Skew, tokens = 4096, experts = 64, topK = 4, seed = 1): Routing =>
  sampleRouting({ tokens, experts, topK, skew, seed });

function traffic({ ids, experts }: Routing): number[] {
  const rows = Array.from({ length: experts }, () => 0);
  for (const id of ids) rows[id] = (rows[id] ?? 0) + 1;
  return rows;
}

describe("samples", () => {
  const skews: Skew[] = [
    { kind: "uniform" },
    { kind: "balanced" },
    { kind: "zipf", s: 1.2 },
    { kind: "hotspot", count: 8, ratio: 0.5 },
    { kind: "histogram", weights: Array.from({ length: 64 }, (_, e) => e % 8) },
  ];
  test.each(skews.map((skew) => [skewName(skew), skew] as const))("%s", (_, skew) => {
    const routing = sample(skew);
    const wrong = Array.from({ length: routing.tokens }, (_, token) => [
      ...routing.ids.slice(token * 4, token * 4 + 4),
    ]).filter((ids) => new Set(ids).size < 4 || ids.some((id) => id < 0 || id >= 64));
    expect(wrong).toEqual([]);
    expect(Buffer.from(sample(skew).ids.buffer).equals(Buffer.from(routing.ids.buffer))).toBe(true);
  });

  test("balanced is even to the row, uniform is not", () => {
    expect(new Set(traffic(sample({ kind: "balanced" })))).toEqual(new Set([256]));
    const rows = traffic(sample({ kind: "uniform" }));
    expect(new Set(rows).size).toBeGreaterThan(8);
    expect(Math.max(...rows)).toBeLessThan(1.3 * 256);
  });

  test("zipf gets steeper with s, and s = 0 is uniform", () => {
    const top = (s: number): number => Math.max(...traffic(sample({ kind: "zipf", s })));
    expect(top(0)).toBeLessThan(1.3 * 256);
    expect(top(0.5)).toBeGreaterThan(1.5 * top(0));
    // A token takes an expert once: the most popular gets every token at best.
    expect(top(1.2)).toBeGreaterThan(1.5 * top(0.5));
    expect(top(3)).toBeLessThanOrEqual(4096);
  });

  test("hot experts take their part, at ratio 1 all of it", () => {
    const rows = traffic(sample({ kind: "hotspot", count: 8, ratio: 1 })).sort((a, b) => b - a);
    expect(rows.slice(8).every((count) => count === 0)).toBe(true);
    const part = traffic(sample({ kind: "hotspot", count: 16, ratio: 0.5 })).sort((a, b) => b - a);
    const hot = part.slice(0, 16).reduce((sum, count) => sum + count, 0) / (4096 * 4);
    expect(hot).toBeGreaterThan(0.42);
    expect(hot).toBeLessThan(0.55);
  });

  test("an expert without traffic gets no row", () => {
    const weights = Array.from({ length: 64 }, (_, e) => (e < 32 ? 0 : 1));
    expect(traffic(sample({ kind: "histogram", weights })).slice(0, 32)).toEqual(
      Array.from({ length: 32 }, () => 0),
    );
  });

  test("what cannot be is refused", () => {
    const weights = Array.from({ length: 64 }, (_, e) => (e < 3 ? 1 : 0));
    expect(() => sample({ kind: "histogram", weights })).toThrow("top-4 needs 4 experts");
    expect(() => sample({ kind: "histogram", weights: [1, 2] })).toThrow("2 entries");
    expect(() => sample({ kind: "hotspot", count: 2, ratio: 1 })).toThrow("there are 2");
    expect(() => sample({ kind: "hotspot", count: 9999, ratio: 1 })).toThrow("9999 has more hot");
    expect(() => sample({ kind: "uniform" }, 16, 2, 4)).toThrow("top-4 of 2 experts");
    expect(() => sample({ kind: "recorded", tokens: [[1, 2]] })).toThrow("has 2 experts");
    expect(() => sample({ kind: "recorded", tokens: [[1, 2, 3, 64]] })).toThrow("expert 64");
  });
});

test("rows are neither lost nor made by tallies", () => {
  const routing = sample({ kind: "zipf", s: 1 }, 1000);
  const tally = new Tally(routing, 8, 16);
  expect(tally.tiles).toBe(8);
  let rows = 0;
  for (let tile = 0; tile < tally.tiles; tile++) {
    for (let device = 0; device < 8; device++) {
      rows += tally.onDevice(tile, device);
      const active = tally.active(tile, device);
      expect(active.every((expert) => tally.of(tile, expert) > 0)).toBe(true);
    }
  }
  expect(rows).toBe(4000);
  expect(imbalance(sample({ kind: "balanced" }), 8)).toBe(1);
  expect(imbalance(sample({ kind: "hotspot", count: 4, ratio: 1 }), 8)).toBeGreaterThan(1.9);
});

describe("as one writes it", () => {
  test.each([
    ["uniform", { kind: "uniform" }],
    ["zipf:1.2", { kind: "zipf", s: 1.2 }],
    ["hotspot:48", { kind: "hotspot", count: 48, ratio: 1 }],
    ["hotspot:128:0.5", { kind: "hotspot", count: 128, ratio: 0.5 }],
  ])("%s", (text, skew) => {
    expect(parseSkew(text)).toEqual(skew);
  });

  test.each([
    "zipf",
    "zipf:",
    "zipf:-1",
    "zipf:x",
    "hotspot:0",
    "hotspot:8:2",
    "uniform:1",
    "even",
  ])("%s is none", (text) => {
    expect(parseSkew(text)).toBeUndefined();
  });
});

describe("a routing file", () => {
  const folder = mkdtempSync(join(tmpdir(), "moegen-routing-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (text: string): string => {
    const path = join(folder, "routing.json");
    writeFileSync(path, text);
    return path;
  };

  test("is a histogram or the experts of each token", () => {
    expect(readRouting(file("[1, 0, 2.5]"))).toEqual({ kind: "histogram", weights: [1, 0, 2.5] });
    const recorded = readRouting(file("[0, 1]\n\n[2, 3]\n"));
    expect(recorded).toEqual({
      kind: "recorded",
      tokens: [
        [0, 1],
        [2, 3],
      ],
    });
    const { ids } = sampleRouting({ tokens: 3, experts: 4, topK: 2, skew: recorded, seed: 0 });
    expect([...ids]).toEqual([0, 1, 2, 3, 0, 1]);
  });

  test("that is neither says where it goes wrong", () => {
    expect(() => readRouting(file("[0, 1]\n[2, -3]\n"))).toThrow("routing.json:2: not a list");
    expect(() => readRouting(file("[0, 1]\noops\n"))).toThrow("routing.json:2");
    expect(() => readRouting(file("[-1, 2]"))).toThrow("negative");
    expect(() => readRouting(file(""))).toThrow("is empty");
    expect(() => readRouting(join(folder, "none.json"))).toThrow("cannot read the routing file");
  });
});
