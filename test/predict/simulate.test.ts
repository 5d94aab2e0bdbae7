import { describe, expect, test } from "vitest";
import { Hbm } from "../../src/predict/machine/hbm.ts";
import { simulate } from "../../src/predict/machine/simulate.ts";
import { boxOf, topologyOf } from "../../src/predict/machine/topology.ts";
import type { Step } from "../../src/predict/step.ts";
import { devices } from "../../src/target/device/registry.ts";
import { nanoseconds, plain } from "./device.ts";

const compute = (cycles: number, stage = "work"): Step => ({ do: "compute", stage, cycles });

describe("one device", () => {
  test("a timeline that is worked out by hand", () => {
    // 0: 2,000 B start; 0-1,000: the core works; the copy ends at 2,000 + 500: 1,500 exposed;
    // then two more trips of 300 each.
    const { seconds, devices: all } = simulate(
      [
        { do: "start", stream: "weights", bytes: 2000 },
        compute(1000, "first"),
        { do: "wait", stream: "weights" },
        { do: "loop", name: "row tile", trips: 2, body: [compute(300, "second")] },
      ],
      plain,
      1,
    );
    expect(nanoseconds(seconds)).toBe(3100);
    const account = all[0]!.account;
    expect(nanoseconds(account.busy.get("first") ?? 0)).toBe(1000);
    expect(nanoseconds(account.busy.get("second") ?? 0)).toBe(600);
    expect(nanoseconds(account.exposed.get("weights") ?? 0)).toBe(1500);
  });

  test("a copy that is through is not waited for", () => {
    const steps: Step[] = [
      { do: "start", stream: "weights", bytes: 100 },
      compute(1000),
      { do: "wait", stream: "weights" },
    ];
    expect(nanoseconds(simulate(steps, plain, 1).seconds)).toBe(1000);
  });

  test("issuing copies takes the core, many small ones the DMA engine", () => {
    const slow = { value: 10, source: "test" };
    const device = {
      ...plain,
      timing: {
        ...plain.timing,
        issueCycles: slow,
        localCopy: { value: 100e-9, source: "test" },
      },
    };
    const steps: Step[] = [
      { do: "start", stream: "rows", bytes: 8, copies: 8 },
      { do: "wait", stream: "rows" },
    ];
    // 8 x 10 to issue, then 8 x 100 in the engine and 500 of latency.
    expect(nanoseconds(simulate(steps, device, 1).seconds)).toBe(80 + 800 + 500);
  });

  test("a step outside its loop, and a plan without end, are errors", () => {
    const outside: Step[] = [
      { do: "compute", stage: "work", cycles: (here) => here.trip("expert") },
    ];
    expect(() => simulate(outside, plain, 1)).toThrow('no loop "expert"');
    const long: Step[] = [{ do: "loop", name: "row tile", trips: 1e9, body: [compute(1)] }];
    expect(() => simulate(long, plain, 1, 1000)).toThrow("more than 1000 steps");
  });
});

test("copies in flight share HBM, and the shorter one's share goes to the longer", () => {
  const hbm = new Hbm(1e9);
  const long = hbm.start(0, 3000);
  const short = hbm.start(0, 1000);
  expect(nanoseconds(hbm.finish(short))).toBe(2000);
  expect(nanoseconds(hbm.finish(long))).toBe(4000);
  // Started when half of another is through: 500 alone, then both at half speed.
  const third = hbm.start(4000e-9, 1000);
  const fourth = hbm.start(4500e-9, 500);
  expect(nanoseconds(hbm.finish(fourth))).toBe(5500);
  expect(nanoseconds(hbm.finish(third))).toBe(5500);
  expect(hbm.bytes).toBe(5500);
});

describe("several devices", () => {
  const each: Step = { do: "compute", stage: "work", cycles: (here) => 1000 * (here.device + 1) };

  test("a barrier costs each what the slowest takes longer, and a signal", () => {
    const { seconds, devices: all } = simulate([each, { do: "barrier", name: "end" }], plain, 2);
    expect(nanoseconds(seconds)).toBe(3000);
    expect(nanoseconds(all[0]!.account.exposed.get("other devices") ?? 0)).toBe(1000);
    expect(all[1]!.account.exposed.get("other devices")).toBeUndefined();
  });

  test("rows arrive when their links are through, one transfer after the other", () => {
    // Four chips, 2 x 2: device 3 sends 1,000 B to each; what goes to 0 takes two links.
    const steps: Step[] = [
      {
        do: "send",
        stream: "rows",
        bytes: (here, to) => (here.device === 3 && to !== 3 ? 1000 : 0),
        copies: (here, to) => (here.device === 3 && to !== 3 ? 1 : 0),
      },
      { do: "receive", stream: "rows" },
    ];
    const { devices: all, iciBytes } = simulate(steps, plain, 4);
    const finish = all.map((device) => nanoseconds(device.finish));
    const route = topologyOf(plain, 4).route;
    const shared = route(3, 0).filter((link) => [...route(3, 1), ...route(3, 2)].includes(link));
    expect(shared).toHaveLength(1);
    // Sent to 0 first, so the other that needs the shared link waits for it.
    expect(finish[0]).toBe(1000 + 1000 + 100);
    expect([finish[1], finish[2]].sort()).toEqual([2000, 3000]);
    expect(iciBytes).toBe(3000);
  });

  test("a short transfer does not wait for all of a long one on the same link", () => {
    const first: Step = {
      do: "send",
      stream: "rows",
      bytes: (here, to) => (here.device === 0 && to === 1 ? 10_000 : 0),
      copies: () => 1,
    };
    const short: Step = {
      do: "send",
      stream: "lists",
      bytes: (here, to) => (here.device === 0 && to === 1 ? 100 : 0),
      copies: () => 1,
    };
    const receive = (stream: string): Step => ({ do: "receive", stream });
    const { devices: all } = simulate(
      [first, short, receive("lists"), compute(0, "between"), receive("rows")],
      plain,
      2,
    );
    const { exposed } = all[1]!.account;
    expect(nanoseconds(exposed.get("lists") ?? 0)).toBe(200 + 1000);
    expect(nanoseconds(all[1]!.finish)).toBe(10_000 + 1000);
  });

  test("time is work and waiting, on every device", () => {
    const steps: Step[] = [
      { do: "start", stream: "weights", bytes: (here) => 500 * here.device },
      each,
      {
        do: "send",
        stream: "rows",
        bytes: (_, to) => 100 * (to + 1),
        copies: () => 1,
      },
      { do: "wait", stream: "weights" },
      { do: "receive", stream: "rows", all: true },
      { do: "barrier", name: "end" },
    ];
    for (const { finish, account } of simulate(steps, plain, 8).devices) {
      expect(account.worked + account.waited).toBeCloseTo(finish, 12);
    }
  });

  test("what nobody sends is waited for, and that is an error", () => {
    expect(() => simulate([{ do: "receive", stream: "rows" }], plain, 2)).toThrow("waits for ever");
  });
});

describe("topology", () => {
  test("boxes are as even as can be", () => {
    expect(boxOf(4, 2)).toEqual([2, 2]);
    expect(boxOf(8, 2)).toEqual([2, 4]);
    expect(boxOf(16, 3)).toEqual([2, 2, 4]);
    expect(boxOf(1, 3)).toEqual([1, 1, 1]);
  });

  test("two devices of a chip have a way of their own on v7x", () => {
    const { route, bandwidth, chips } = topologyOf(devices.v7x, 8);
    expect(chips).toBe(4);
    const [link] = route(0, 1);
    expect(bandwidth(link!)).toBe(devices.v7x.timing.ici.chipBandwidth.value);
    expect(route(0, 7)).toHaveLength(2);
    expect(route(5, 5)).toEqual([]);
  });

  test("long rings wrap, short lines do not", () => {
    expect(topologyOf(devices.v6e, 16).route(0, 3)).toHaveLength(3);
    expect(topologyOf(devices.v6e, 256).route(0, 15)).toHaveLength(1);
  });
});
