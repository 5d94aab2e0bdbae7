import { describe, expect, it } from "vitest";
import { pairedSeconds, turnsOf } from "../../src/sweep/turns.ts";

describe("turns on a TPU", () => {
  it("have the control before every three others", () => {
    expect(turnsOf(0)).toEqual([]);
    expect(turnsOf(4)).toEqual([0, 1, 2, 3]);
    expect(turnsOf(8)).toEqual([0, 1, 2, 3, 0, 4, 5, 6, 0, 7]);
  });

  it("rank by the ratio to the control's turn before, whatever the host does meanwhile", () => {
    const turns = turnsOf(5);
    const own = [10, 11, 9, 12, 10];
    // In two rounds of three the host is half as fast from the second turn of the control on.
    const slow = (turn: number, round: number) => (turn >= 4 && round > 0 ? 2 : 1);
    const samples = turns.map((who, at) => [0, 1, 2].map((r) => (own[who] ?? 0) * slow(at, r)));
    const paired = pairedSeconds(turns, samples).map((each) => each ?? 0);
    expect(paired.indexOf(Math.min(...paired))).toBe(2);
    // As quick as the control, and by its own median half as fast.
    expect(paired[5]).toBeCloseTo(paired[0] ?? 0, 9);
    expect([...(samples[5] ?? [])].sort()[1]).toBe(20);
  });

  it("leave out what was not timed, and say nothing without a control", () => {
    expect(pairedSeconds([0, 1], [[1, 1], undefined])).toEqual([1, undefined]);
    expect(pairedSeconds([0, 1], [undefined, [1, 1]])).toEqual([undefined, undefined]);
  });
});
