/** Several schedules in one spec: who takes part, who runs a bucket, and what that says in the plan. */
import { describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { membersOf } from "../../src/plan/members.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { checkText, LAYER } from "./marked.ts";
import { severalText, withOther } from "./several-cases.ts";

const two = withOther();
const times = (gather: number, other: number): string =>
  `predicted: { v6e: { gather: ${gather}, other: ${other}, epmoe: 90 } }`;

async function check(buckets: string, more = "", using = two, layer = LAYER) {
  return checkText(severalText(buckets, more, { layer }), undefined, undefined, using);
}

async function planOf(buckets: string, more = "", using = two): Promise<Plan> {
  const { plan, diagnostics } = await check(buckets, more, using);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  if (plan === undefined) expect.unreachable("no plan");
  return plan;
}

const runs = ({ kernels }: Plan) => kernels.map(({ bucket, schedule }) => [bucket, schedule]);

describe("a spec of several schedules", () => {
  test("runs each bucket with what is predicted to be faster, and says why", async () => {
    const plan = await planOf(
      `decode: { upTo: 64, ${times(10, 15)} }, prefill: { upTo: 256, ${times(40, 30)} }`,
    );
    expect(plan.schedule).toBe("auto");
    expect(runs(plan)).toEqual([
      ["decode", "gather"],
      ["prefill", "other"],
    ]);
    expect(plan.kernels[1]).toMatchObject({
      choice: {
        by: "prediction",
        times: [
          { schedule: "other", us: 30 },
          { schedule: "gather", us: 40 },
        ],
      },
      predicted: { fused: 30, epmoe: 90 },
    });
    expect(membersOf(plan).map(({ name }) => name)).toEqual(["gather", "other"]);
    const at = (tokens: number) => lowerFor(plan, { device: "v6e", tokens }, two).schedule;
    expect([64, 65, 9999].map(at)).toEqual(["gather", "other", "other"]);
  });

  test("is the plan of one schedule where that one runs all buckets", async () => {
    const plan = await planOf(
      `decode: { upTo: 64, ${times(10, 15)} }, prefill: { upTo: 256, ${times(20, 30)} }`,
    );
    expect(plan.schedule).toBe("gather");
    expect(plan.kernels.map(({ schedule, predicted }) => [schedule, predicted])).toEqual([
      [undefined, { fused: 10, epmoe: 90 }],
      [undefined, { fused: 20, epmoe: 90 }],
    ]);
  });

  test("takes written tiles, and the largest that fit where none are written", async () => {
    const plan = await planOf(
      `decode: { upTo: 64, use: "other", other: { bf: 128 } }, prefill: { upTo: 256, use: "gather" }`,
    );
    expect(plan.kernels.map(({ tiles: { bf, bd } }) => [bf, bd])).toEqual([
      [128, 2048],
      [768, 2048],
    ]);
  });

  test("may have the same bits in any batch where one schedule alone takes part", async () => {
    const same = LAYER.replace("topK: 8,", "topK: 8, deterministic: true,");
    const of = async (more: string) =>
      (await check("decode: { upTo: 64 }", more, two, same)).diagnostics;
    expect(await of('among: ["gather"],')).toEqual([]);
    expect((await of("")).map(({ code }) => code)).toEqual(["MOE137"]);
  });

  test("says of those alone that they were tried which may take part", async () => {
    const { diagnostics } = await check(
      "decode: { upTo: 64 }",
      'among: ["gather"],',
      two,
      LAYER.replace("2048", "2000"),
    );
    const found = diagnostics.find(({ code }) => code === "MOE150");
    expect(found?.message).toMatch(/tried gather$/);
    expect(found?.note).toMatch(/: kind: "gather"$/);
  });

  test("says which spec of one schedule names what is in a place's way", async () => {
    const { diagnostics } = await check(
      "decode: { upTo: 64, gather_hbm: { passTokens: 24 } }",
      'among: ["gather_hbm"],',
      registries,
    );
    const found = diagnostics.find(({ code }) => code === "MOE150");
    expect(found?.note).toMatch(/: kind: "gather" with rows: "hbm"$/);
  });

  test("warns of a time whose schedule takes no part", async () => {
    const among = 'among: ["gather"],';
    const { plan, diagnostics } = await check(`decode: { upTo: 64, ${times(10, 5)} }`, among);
    expect(plan?.schedule).toBe("gather");
    expect(diagnostics).toMatchObject([
      {
        code: "MOE153",
        severity: "warning",
        message: "other takes no part in decode on v6e, whatever its time: among has gather",
      },
    ]);
  });

  test("has no plan while nothing is predicted, and all members to predict", async () => {
    const { plan, undecided, members, diagnostics } = await check("decode: { upTo: 64 }");
    expect(plan).toBeUndefined();
    expect(diagnostics.map(({ code }) => code)).toEqual(["MOE152"]);
    expect(diagnostics[0]?.note).toContain("moegen predict SPEC --write");
    expect(members?.map(({ name }) => name)).toEqual(["gather", "other"]);
    expect(undecided?.kernels).toHaveLength(1);
  });

  test("leaves out what cannot run the layer, unless it is asked for", async () => {
    const refuses = withOther({
      layerProblems: () => [{ field: "topK", message: "topK is not for other", nearest: [] }],
    });
    const plan = await planOf("decode: { upTo: 64 }", "", refuses);
    expect(plan.schedule).toBe("gather");
    const asked = await check("decode: { upTo: 64 }", 'among: ["gather", "other"],', refuses);
    expect(asked.diagnostics).toMatchObject([{ code: "MOE112", message: "topK is not for other" }]);
  });

  test("leaves out what keeps other columns of the shared experts, unless it is asked for", async () => {
    const whole = withOther({ sharedColumns: () => 512 });
    const shared = LAYER.replace(
      "routing:",
      "sharedExperts: { count: 1, intermediate: 512 }, routing:",
    );
    const of = async (more: string) => check("decode: { upTo: 64 }", more, whole, shared);
    expect((await of("")).plan?.schedule).toBe("gather");
    expect((await of('among: ["gather", "other"],')).diagnostics).toMatchObject([
      { code: "MOE151" },
    ]);
  });

  test("leaves a schedule out of a bucket where none of its tiles fit", async () => {
    const large = withOther({
      lower: (input) => {
        const kernel = two.schedules.gather?.lower(input);
        if (kernel === undefined) throw new RangeError("no schedule");
        const used = input.tiles.upTo > 64 ? 2 ** 40 : kernel.vmem.used;
        return { ...kernel, vmem: { ...kernel.vmem, used } };
      },
    });
    const plan = await planOf(
      `decode: { upTo: 64, ${times(10, 5)} }, prefill: { upTo: 256 }`,
      "",
      large,
    );
    expect(runs(plan)).toEqual([
      ["decode", "other"],
      ["prefill", "gather"],
    ]);
    expect(plan.kernels[1]?.choice).toEqual({ by: "alone", times: [] });
    const asked = 'decode: { upTo: 64, use: "other" }, prefill: { upTo: 256, use: "other" }';
    expect((await check(asked, "", large)).diagnostics).toMatchObject([{ code: "MOE203" }]);
  });

  test("points at a schedule's own tile, with the nearest legal ones", async () => {
    const { diagnostics } = await check("decode: { upTo: 64, other: { bf: 500 } }");
    expect(diagnostics).toMatchObject([
      {
        code: "MOE104",
        message: "bf = 500 does not divide F = 768",
        nearest: [384, 768],
        trace: ["kernel", "schedule", "decode", "other", "bf", "768 % 500 = 268"],
      },
    ]);
  });

  test("is not for results that are the same in any batch", async () => {
    const layer = LAYER.replace("routing:", "deterministic: true, routing:");
    const { diagnostics } = await check("decode: { upTo: 64 }", "", two, layer);
    expect(diagnostics).toMatchObject([
      { code: "MOE137", note: "kind is one that has such a kernel: gather, other" },
    ]);
  });

  test.each([
    ["a stray field", "decode: { upTo: 64, bt: 16 }", "", "decode has no bt"],
    [
      "a tile that the schedule lacks",
      "decode: { upTo: 64, gather: { bx: 16 } }",
      "",
      "gather has no bx",
    ],
    ["an unknown schedule", 'decode: { upTo: 64, use: "gathr" }', "", 'use = "gathr"'],
    ["no schedule", "decode: { upTo: 64 }", "among: [],", "among = []"],
    ["one twice", "decode: { upTo: 64 }", 'among: ["gather", "gather"],', 'among[1] = "gather"'],
    [
      "no time",
      "decode: { upTo: 64, predicted: { v6e: { gather: 0 } } }",
      "",
      "gather = 0 is not a positive finite number",
    ],
  ])("refuses %s", async (_, buckets, more, says) => {
    const { diagnostics, plan } = await check(buckets, more);
    expect(plan).toBeUndefined();
    expect(diagnostics.map(({ message }) => message).join("; ")).toContain(says);
  });
});
