/** Rows of other devices that are awaited by the block, and sums that return by it: each device's once a pass. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { moe } from "../../src/index.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { type Action, Cursor } from "../../src/predict/machine/cursor.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { kernelSteps } from "../../src/predict/plan/kernel.ts";
import type { Skew } from "../../src/predict/routing/skew.ts";
import { jobOf } from "../../src/predict/run.ts";
import { devices } from "../../src/target/device/registry.ts";
import { spec } from "../schedule/runs-spec.ts";

const NONE = { total: 0, scopes: {}, loops: [], tracing: 0 };
const EP = 8;

/** Steps of a kernel whose experts have blocks of so many rows. */
function stepsFor(experts: number, tokens: number, skew: Skew, rowBlock: number) {
  const made = moe(spec({ experts, topK: 2 }, EP, { rows: "hbm with sums" }));
  const { plan } = judge(made, registries);
  const kernel = plan?.kernels.find(({ bucket }) => bucket === "large");
  if (plan === undefined || kernel === undefined) return expect.unreachable("no plan");
  const layer = layerOf(plan);
  const job = jobOf({ device: devices.v7x, ep: EP, tokens, layer, tiles: {}, skew });
  return { steps: kernelSteps(kernel, NONE, job, { rowBlock }), passes: kernel.passes };
}

/** What one device posts and takes, in order, each with who is at the other end. */
function moved(steps: ReturnType<typeof stepsFor>["steps"], device: number) {
  const cursor = new Cursor(steps, device);
  const found: { readonly do: string; readonly stream: string; readonly peer: number }[] = [];
  for (let action: Action | undefined = cursor.next(); action; action = cursor.next()) {
    const { here } = cursor;
    if (action.do === "post") found.push({ ...kindOf(action), peer: action.to(here) });
    if (action.do === "take") found.push({ ...kindOf(action), peer: Number(action.tag(here)) });
    if (action.do === "compute" && action.stage === "feed-forward") {
      found.push({ do: "work", stream: "", peer: device });
    }
  }
  return found;
}

const kindOf = ({ do: what, stream }: Extract<Action, { do: "post" | "take" }>) => ({
  do: what,
  stream,
});

test.each([
  ["one expert a device, several blocks", 8, { kind: "uniform" }, 64],
  ["one block each", 8, { kind: "uniform" }, 4096],
  ["several experts a device", 32, { kind: "uniform" }, 16],
  ["far more rows for few experts", 32, { kind: "zipf", s: 2 }, 16],
] as const)(
  "%s: all rows are taken, all sums return, each device's once",
  (_, experts, skew, block) => {
    const { steps, passes } = stepsFor(experts, 1024, skew, block);
    expect(passes).toBe(1);
    for (let device = 0; device < EP; device++) {
      const others = Array.from({ length: EP - 1 }, (_each, at) => (device + EP - at - 1) % EP);
      const list = moved(steps, device);
      const of = (what: string, stream: string) =>
        list.filter((each) => each.do === what && each.stream === stream).map(({ peer }) => peer);
      // In the order in which they are sent: as many devices before this one.
      expect(of("take", "rows_out")).toEqual(others);
      expect(of("post", "sums_out")).toEqual(others);
      expect(of("post", "rows_out")).toEqual(others.toReversed());
      expect(of("take", "sums_out")).toEqual(others);
    }
    expect(simulate(steps, devices.v7x, EP).seconds).toBeGreaterThan(0);
  },
);

test("with several blocks of an expert the first takes few, and sums leave before the last", () => {
  const { steps } = stepsFor(8, 1024, { kind: "uniform" }, 64);
  const list = moved(steps, 3);
  const at = (what: string, stream: string) =>
    list.flatMap((each, index) => (each.do === what && each.stream === stream ? [index] : []));
  const work = at("work", "");
  const before = (places: readonly number[], bound: number | undefined) =>
    places.filter((place) => place < (bound ?? 0)).length;
  expect(before(at("take", "rows_out"), work[0])).toBeLessThan(3);
  expect(before(at("post", "sums_out"), work.at(-1))).toBeGreaterThan(3);
});
