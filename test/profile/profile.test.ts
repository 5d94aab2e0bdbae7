import { describe, expect, it } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import { expertCycles } from "../../src/profile/expert.ts";
import { profileKernel } from "../../src/profile/profile.ts";
import { timelineOf } from "../../src/profile/timeline.ts";
import { chromeTrace } from "../../src/profile/trace.ts";
import type { ScheduleProfile } from "../../src/runner/types.ts";
import { devices } from "../../src/target/device/registry.ts";
import { qwen } from "../cli/moegen.ts";

const machine = {
  matrixUnits: 2,
  capacity: {
    ...{ xlu: 2, vector_alu: 4, pop: 2, eup: 1, load: 3, fill: 3 },
    ...{ store: 2, spill: 2, scalar: 2 },
  },
};

const region = (
  scope: string,
  loop: number | null,
  bundles: number,
  slots: Record<string, number> = {},
) => ({ scope, loop, bundles, tracing: 1, delay: 0, slots });

/** An unnamed loop over experts that holds stages, one with a loop of its own. */
const schedule: ScheduleProfile = {
  machine,
  loops: [
    { parent: null, scope: "", trips: null },
    { parent: 0, scope: "merge", trips: 4 },
    { parent: 1, scope: "merge", trips: null },
  ],
  regions: [
    region("", null, 11),
    region("", 0, 6),
    region("merge", 0, 3),
    region("merge", 1, 5),
    region("merge", 2, 9),
    { ...region("dot", 0, 101, { multiply: 96, push: 40, load: 61 }), delay: 20 },
    region("rare", 0, 51),
  ],
};

const stages = [
  { name: "merge", trips: 10, loopTrips: [40, 70] },
  { name: "dot", trips: 10, loopTrips: [] },
  { name: "rare", trips: 0, loopTrips: [] },
];

describe("a profile", () => {
  const profile = profileKernel(schedule, stages, devices.v6e);
  const of = (name: string) => profile.stages.find(({ stage }) => stage === name);

  it("multiplies bundles without markers by the trips of the compiler, else of the plan", () => {
    expect(of("merge")?.cycles).toBe(2 * 10 + 4 * 40 + 8 * 70);
    expect(of("dot")?.cycles).toBe((100 + 20) * 10);
    expect(of("dot")?.delay).toBe(200);
    // The loop between the stages runs as often as they do.
    expect(of("")?.cycles).toBe(10 + 5 * 10);
    expect(of("rare")).toMatchObject({ bundles: 51, cycles: 0 });
    const sum = profile.stages.reduce((total, { cycles }) => total + cycles, 0);
    expect(profile.total.cycles).toBe(sum);
    expect(profile.unknownTrips).toEqual([]);
  });

  it("names the slot that needs most, and how far above it the stage is", () => {
    // 96 halves of 16 rows, 4 cycles each, on two units: 192 cycles; issue needs (96 + 40) / 2.
    expect(of("dot")?.bound).toEqual({ slot: "matrix_multiply", uses: 3840, bound: 1920 });
    expect(of("dot")?.distance).toBeCloseTo(1200 / 1920);
    const uses = of("dot")?.slots ?? [];
    expect(uses.find(({ slot }) => slot === "matrix_issue")?.bound).toBe(680);
    // Markers are loads in the compiler's count and none here.
    expect(uses.find(({ slot }) => slot === "load")?.bound).toBe(200);
  });

  it("says where trips are unknown", () => {
    const unknown = profileKernel(
      schedule,
      [{ name: "merge", trips: 10, loopTrips: [] }],
      devices.v6e,
    );
    expect(unknown.unknownTrips).toEqual(["merge"]);
  });

  it("has no bounds where the compiler counted no slots", () => {
    const bare = profileKernel({ ...schedule, machine: null }, stages, devices.v6e);
    expect(bare.total).toMatchObject({ slots: [], bound: null, distance: null });
    expect(bare.total.cycles).toBe(profile.total.cycles);
  });
});

describe("the timeline of a real plan", async () => {
  const { plan } = await checkFile(qwen);
  if (plan === undefined) throw new Error("the example is wrong");
  const kernel = lowerFor(plan, { device: "v6e", tokens: 64 }, registries);
  const { stages } = allOf(kernel);
  const flat: ScheduleProfile = {
    machine: null,
    loops: [],
    regions: stages.map(({ name }) => region(name, null, 101)),
  };
  const profile = profileKernel(flat, stages, devices.v6e);
  const spans = timelineOf(kernel, profile, devices.v6e);

  it("streams all bytes once, one copy after the other, and never slower than the HBM floor", () => {
    const hbm = spans.filter(({ lane }) => lane === "HBM");
    const bytes = hbm.reduce((sum, { detail }) => sum + Number(detail.bytes), 0);
    expect(bytes / kernel.traffic.hbm).toBeCloseTo(1, 1);
    const sorted = [...hbm].sort((a, b) => a.start - b.start);
    for (const [index, span] of sorted.entries()) {
      const before = sorted[index - 1];
      if (before) expect(span.start).toBeGreaterThanOrEqual(before.start + before.duration - 1e-12);
    }
    const end = Math.max(...spans.map(({ start, duration }) => start + duration));
    expect(end).toBeGreaterThan(bytes / devices.v6e.hbmBandwidth);
  });

  it("never runs a stage while it waits", () => {
    const busy = spans
      .filter(({ lane }) => lane === "stages" || lane === "waits")
      .sort((a, b) => a.start - b.start);
    expect(busy.some(({ lane }) => lane === "waits")).toBe(true);
    for (const [index, span] of busy.entries()) {
      const before = busy[index - 1];
      if (before) expect(span.start).toBeGreaterThanOrEqual(before.start + before.duration - 1e-12);
    }
  });

  it("is a Chrome trace with a thread a lane", () => {
    const { traceEvents } = chromeTrace([{ name: "v6e T=64", spans }]);
    const names = traceEvents
      .filter(({ name }) => name === "thread_name")
      .map(({ args }) => args.name);
    expect(names).toEqual(["stages", "waits", "HBM", "ICI"]);
    const complete = traceEvents.filter(({ ph }) => ph === "X");
    expect(complete).toHaveLength(spans.length);
    expect(complete.every(({ ts, dur }) => (ts ?? -1) >= 0 && (dur ?? 0) > 0)).toBe(true);
  });

  it("gives each part of one expert its cycles", () => {
    const cycles = expertCycles(kernel, profile);
    expect(Object.keys(cycles).sort()).toEqual(["feed_forward", "results out", "rows in"].sort());
  });
});
