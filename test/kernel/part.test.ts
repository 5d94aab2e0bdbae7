/** Parts put together: order, what waits for what, and how often loops run. */
import { describe, expect, test } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { render } from "../../src/emit/templates.ts";
import { blocksOf } from "../../src/kernel/context.ts";
import type { Frame } from "../../src/kernel/frame.ts";
import { tripsOf } from "../../src/kernel/loops.ts";
import {
  type Composition,
  type Draft,
  NO_BLOCK,
  type Part,
  stagesOf,
} from "../../src/kernel/part.ts";
import { allOf } from "../../src/plan/call.ts";
import type { Plan, Stream } from "../../src/plan/plan.ts";

const frame = {
  layer: { activation: "silu" },
  ep: 4,
  sizes: { passes: 2, passTokens: 32, allTokens: 128, deviceShare: 50 },
  tiles: { bt: 64 },
  load: { localExperts: 8, activeExperts: 6, readExperts: 6, reads: 2, typicalRows: 100 },
} as Frame;

const draft = (name: string, change: Partial<Draft> = {}): Draft => ({
  ...{ name, meaning: name, reads: [], writes: [], per: "pass", trips: 2 },
  ...change,
});

const copy = (name: string, issuedBy: string, awaitedBy: string): Stream => ({
  ...{ name, from: "HBM", to: "VMEM", remote: false, source: "a", destination: "b" },
  ...{ issuedBy, awaitedBy, semaphore: "s", bytes: 1, copies: 1, meaning: name },
});

const composed = (order: readonly string[], ...parts: readonly Part[]): Composition => ({
  ...{ parts, first: [], order },
});

describe("stages", () => {
  const late: Part = { stages: () => [draft("late", { waits: ["other"] }), draft("last")] };
  const early: Part = {
    stages: () => [draft("early", { place: "first" })],
    streams: () => [copy("rows_in", "early", "late")],
  };

  test("stand where the schedule's order has them, not where their part is", () => {
    const stages = stagesOf(composed(["first", "late", "last"], late, early), frame);
    expect(stages.map(({ name }) => name)).toEqual(["early", "late", "last"]);
  });

  test("start and await the copies that name them, after those that they name themselves", () => {
    const [first, second] = stagesOf(composed(["first", "late", "last"], late, early), frame);
    expect(first).toMatchObject({ starts: ["rows_in"], waits: [] });
    expect(second).toMatchObject({ starts: [], waits: ["other", "rows_in"] });
  });

  test("without a place are an error that says so", () => {
    expect(() => stagesOf(composed(["late", "last"], late, early), frame)).toThrow(
      "stage early: the schedule's order has no first",
    );
  });
});

describe("blocks", () => {
  const plan = { layer: { dtype: "bfloat16" } } as Plan;
  const part: Part = { blocks: ({ layer }) => ({ dot: `kernel/feed_forward/dot/${layer.dtype}` }) };
  const shown = (blocks: object) =>
    render("kernel/feed_forward/feed_forward", { name: "m", blocks });

  test("are what the parts choose for a plan, each name once", () => {
    const other: Part = { blocks: () => ({ scaled_dot: NO_BLOCK }) };
    expect(blocksOf(composed([], part, {}, other), plan)).toEqual({
      dot: "kernel/feed_forward/dot/bfloat16",
      scaled_dot: "kernel/none",
    });
    expect(() => blocksOf(composed([], part, other, other), plan)).toThrow(
      "two parts choose the block scaled_dot",
    );
  });

  test("that no part chose are an error that names them, and so are those without a template", () => {
    expect(() => shown({})).toThrow("no part chose a block dot");
    expect(() => shown({ dot: "kernel/feed_forward/dot/bfloat17" })).toThrow(
      "kernel/feed_forward/dot/bfloat17",
    );
  });
});

test.each([
  ["own tokens", 16, "pass", 4],
  ["real tokens", 1, "pass", 50],
  ["all tokens", 16, "pass", 16],
  ["peers", 1, "pass", 6],
  ["devices", 1, "pass", 8],
  ["local experts", 1, "pass", 16],
  ["row blocks", 1, "pass", 12],
  // 100 rows in two tiles of 50; all of them where the stage does not run for each tile.
  ["rows", 16, "row tile", 8],
  ["rows", 16, "expert", 14],
  ["rows of each device", 8, "expert", 32],
] as const)(
  "a loop over %s, %i at once, in a stage that runs for each %s: %i trips",
  (over, each, per, trips) => {
    expect(tripsOf({ over, each }, { per, trips: 2 }, frame)).toBe(trips);
  },
);

test("every loop of a plan has its trips, and a stage's only enclosing loop as many as it has", async () => {
  const { plan } = await checkFile("examples/qwen3-30b-a3b.moe.ts");
  const stages = plan?.kernels.flatMap((kernel) => allOf(kernel).stages) ?? [];
  expect(stages.length).toBeGreaterThan(20);
  for (const { loops = [], loopTrips, trips } of stages) {
    expect(loopTrips).toHaveLength(loops.length);
    const around = loops.findIndex(({ over }) => over === "row tiles");
    if (around >= 0) expect(loopTrips[around]).toBe(trips);
  }
});
