import { describe, expect, test } from "vitest";
import {
  lowerMedian,
  quantile,
  ranks,
  regret,
  signs,
  spearman,
} from "../../src/predict/truth/score.ts";

const pairs = (...values: readonly (readonly [number, number])[]) =>
  values.map(([predicted, measured]) => ({ predicted, measured }));

describe("scores", () => {
  test("ranks of equal values are shared", () => {
    expect(ranks([10, 20, 20, 5])).toEqual([2, 3.5, 3.5, 1]);
  });

  test("correlation is 1 in order, -1 against it, and none of one value", () => {
    expect(spearman(pairs([1, 10], [2, 20], [3, 90]))).toBeCloseTo(1);
    expect(spearman(pairs([3, 10], [2, 20], [1, 90]))).toBeCloseTo(-1);
    // By hand: ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / 60.
    expect(spearman(pairs([1, 10], [2, 30], [3, 20], [4, 40]))).toBeCloseTo(0.8);
    expect(spearman(pairs([1, 10], [1, 20]))).toBeUndefined();
    expect(spearman(pairs([1, 10]))).toBeUndefined();
  });

  test("regret is what the first choice costs, noise apart", () => {
    expect(regret(pairs([1, 150], [2, 100]))).toBeCloseTo(0.5);
    expect(regret(pairs([1, 100], [2, 150]))).toBe(0);
    expect(regret(pairs([1, 107], [2, 100]))).toBe(0);
    // Two arms predicted alike: the predictor does not choose between them.
    expect(regret(pairs([1, 100], [1, 200]))).toBeCloseTo(0.5);
  });

  test("signs count pairs beyond the noise", () => {
    const [a, b, c] = pairs([1, 100], [2, 200], [3, 105]);
    expect(
      signs([
        [a!, b!],
        [b!, c!],
        [a!, c!],
      ]),
    ).toEqual({ right: 1, of: 2 });
  });

  test("quantiles", () => {
    expect(quantile([1, 2, 3, 4, 5], 0.5)).toBe(3);
    expect(quantile([1, 2], 0.25)).toBeCloseTo(1.25);
    expect(lowerMedian([9, 1, 5, 7])).toBe(5);
  });
});
