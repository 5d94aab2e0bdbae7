/** Where the fastest of several kernels changes, as numbers, lines of text and a picture. */
import { describe, expect, test } from "vitest";
import { plot } from "../../src/cli/explain/plot.ts";
import { crossoversOf, fastestAt, type TimeAt } from "../../src/predict/crossovers.ts";
import { crossoverChart, svgOf } from "../../src/report/crossover-chart.ts";

const at = (name: string, ...times: readonly (readonly [number, number])[]): readonly TimeAt[] =>
  times.map(([tokens, seconds]) => ({ name, tokens, seconds }));

/** T to the first power against its square root: they meet at T = 100. */
const linear = at("linear", [16, 16], [64, 64], [256, 256]);
const root = at("root", [16, 40], [64, 80], [256, 160]);

describe("crossovers", () => {
  test("are where straight lines in logarithms meet", () => {
    expect(crossoversOf([...linear, ...root])).toEqual([
      { tokens: 100, between: [64, 256], from: "linear", to: "root" },
    ]);
  });

  test("are found whatever the order of the times, and not where nothing changes", () => {
    expect(crossoversOf([...root, ...linear].toReversed())[0]?.tokens).toBe(100);
    expect(crossoversOf(root)).toEqual([]);
    expect(crossoversOf([])).toEqual([]);
  });

  test("are at the larger count where one of the two has no time below", () => {
    const late = at("late", [256, 10]);
    expect(crossoversOf([...linear, ...late])).toEqual([
      { tokens: 256, between: [64, 256], from: "linear", to: "late" },
    ]);
  });

  test("leave a tie to the first that is named", () => {
    const same = at("same", [16, 16], [64, 64]);
    expect(fastestAt([...linear, ...same]).map(({ name }) => name)).toEqual(
      Array.from({ length: 3 }, () => "linear"),
    );
  });
});

test("lines are drawn from end to end, the first on top", () => {
  const points = (times: readonly TimeAt[]) =>
    times.map(({ tokens, seconds }) => [tokens, seconds] as const);
  const lines = plot(
    [
      { name: "linear", mark: "o", points: points(linear) },
      { name: "root", mark: "x", points: points(root) },
    ],
    { x: String, y: String },
  );
  const grid = lines.slice(0, -2).map((line) => line.replace(/^.*│/, ""));
  // From the corner on the lower left to the one on the upper right.
  expect(grid.at(-1)?.startsWith("o")).toBe(true);
  expect(grid[0]).toHaveLength(60);
  expect(grid[0]?.endsWith("o")).toBe(true);
  for (const mark of ["o", "x"]) {
    const columns = new Set(
      grid.flatMap((row) => [...row].flatMap((c, i) => (c === mark ? i : []))),
    );
    expect(columns.size).toBeGreaterThan(45);
  }
  const ends = lines.at(-1)?.trim().split(/\s+/).map(Number);
  expect(ends?.map(Math.round)).toEqual([16, 64, 256]);
  expect(plot([], { x: String, y: String })).toEqual([]);
});

test("the picture has a panel a device, and a line a schedule", async () => {
  const times = [...linear, ...root].map(({ name, tokens, seconds }) => ({
    ...{ device: "v6e", tokens, what: name, us: seconds },
  }));
  const svg = await svgOf(crossoverChart("small", times));
  expect(svg).toMatch(/^<svg .*<\/svg>$/s);
  for (const word of ["small", "v6e", "linear", "root", "us a call"]) expect(svg).toContain(word);
});
