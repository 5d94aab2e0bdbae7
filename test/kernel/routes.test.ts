/** Who routes: each device the tokens of all up to some T, its own above it; and the plan of both. */
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { routesLines } from "../../src/cli/explain/transport.ts";
import { moe } from "../../src/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { compileSpec } from "../../src/runner/index.ts";
import { scaleSpec } from "../../src/validate/scale.ts";

let plan: Plan;

beforeAll(async () => {
  const { plan: found } = await checkFile("examples/qwen3-30b-a3b.moe.ts");
  if (found === undefined) throw new Error("the example is wrong");
  plan = found;
});

const kernelAt = (tokens: number): KernelPlan =>
  lowerFor(plan, { device: "v7x", tokens }, registries);
const most = (): number => kernelAt(64).tiles.own.route_all_tokens!;

describe("each device routes the tokens of all", () => {
  test("up to the T where sorting them costs more than an exchange", () => {
    expect(most()).toBeGreaterThan(64);
    expect(most()).toBeLessThan(256);
    expect(routesLines(kernelAt(64))).toEqual([
      `  each device routes the tokens of all: those of all up to T = ${most()}`,
    ]);
    expect(routesLines(kernelAt(256))[0]).toMatch("its own tokens");
  });

  test("and then makes one list, of which nothing is exchanged but logits", () => {
    const all = allOf(kernelAt(most()));
    const own = allOf(kernelAt(most() + 1));
    const bytesOf = ({ streams }: typeof all) =>
      Object.fromEntries(streams.map(({ name, bytes }) => [name, bytes]));
    // 64 tokens of a device are 16, of 128 logits each, to 3 others.
    expect(bytesOf(allOf(kernelAt(64))).logits_out).toBe(3 * 16 * 128 * 4);
    expect(bytesOf(all)).toMatchObject({ routes_out: 0, routes_in: 0, own_entries_in: 0 });
    expect(bytesOf(own)).toMatchObject({ logits_out: 0, all_weights_in: 0 });
    const stages = ({ stages: some }: typeof all): string => some.map(({ name }) => name).join();
    expect(stages(all)).toContain(
      "send_logits,load_rows,all_gather_rows,await_logits,route,sort_all",
    );
    expect(stages(all)).not.toContain("exchange_routes");
    expect(stages(own)).toContain("route,sort,send_routes,relay_rows,exchange_routes");
    const lists = (kernel: typeof all): number =>
      kernel.buffers.find(({ name }) => name === "routes")!.shape[0]!;
    expect([lists(all), lists(own)]).toEqual([1, 4]);
  });

  test("or not, as the spec says", () => {
    const { tiles } = kernelAt(64);
    const lowered = (routes: "own" | "all", tokens: number) =>
      registries.schedules.gather!.lower({
        layer: plan.layer,
        ep: 4,
        devices: ["v7x"],
        device: registries.devices.v7x!,
        tiles: { ...tiles, routes },
        tokens,
      });
    expect(lowered("own", 8).tiles.own.route_all_tokens).toBe(0);
    const stages = allOf(lowered("all", 2048)).stages.map(({ name }) => name);
    expect(stages).toContain("sort_all");
  });

  test("is simulated on both sides of that T", () => {
    const { spec } = scaleSpec(plan, registries.schedules.gather!);
    expect(Object.values(spec.schedule.tiles).map(({ routes }) => routes)).toEqual(["all", "own"]);
    const decode = { ...plan, kernels: plan.kernels.filter(({ bucket }) => bucket === "decode") };
    const alone = scaleSpec(decode, registries.schedules.gather!).spec;
    expect(Object.values(alone.schedule.tiles).map(({ routes }) => routes)).toEqual(["all", "own"]);
  });

  test("of a last bucket that lies below it as well: it serves larger T too", () => {
    const below = ({ tiles }: KernelPlan): KernelPlan["tiles"] => {
      const upTo = Math.min(tiles.upTo, 64);
      return { ...tiles, upTo, own: { ...tiles.own, route_all_tokens: upTo } };
    };
    const kernels = plan.kernels
      .filter(({ bucket }) => bucket === "decode")
      .map((kernel) => ({ ...kernel, tiles: below(kernel) }));
    const { spec } = scaleSpec({ ...plan, kernels }, registries.schedules.gather!);
    expect(Object.values(spec.schedule.tiles).map(({ routes }) => routes)).toEqual(["all", "own"]);
  });
});

describe("a number of devices that is no power of 2 compiles", () => {
  const compiled = async (ep: number, device: "v6e" | "v7x") => {
    const { plan: found } = judge(
      moe({
        name: `of_${ep}`,
        layer: {
          ...{ experts: 5 * ep, topK: 2, hidden: 256, intermediate: 128, activation: "silu" },
          routing: { where: "kernel", scoring: "softmax", renormalize: true },
        },
        mesh: { ep },
        devices: [device],
        schedule: {
          kind: "gather",
          tiles: { all: { upTo: 512, bt: 32, bf: 128, bd: 256, routes: "own" } },
        },
      }),
      registries,
    );
    if (found === undefined) expect.unreachable("the spec is wrong");
    const { targets } = await compileSpec(found, { tokens: [512], workers: 1 });
    return targets.map(({ fits, failure }) => [fits, failure?.message]);
  };

  test("an odd one, that route their own tokens", async () => {
    expect(await compiled(3, "v7x")).toEqual([[true, undefined]]);
  });

  test("and one that the compiler takes of a larger slice alone", async () => {
    expect(await compiled(6, "v6e")).toEqual([[true, undefined]]);
  });
});
