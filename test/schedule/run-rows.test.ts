/** How many rows of a run one copy takes: by the lengths that runs have, or as a bucket says. */
import { describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { type MoeInput, moe } from "../../src/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan } from "../../src/plan/plan.ts";
import { RUN_ROWS } from "../../src/spec/schedule.ts";
import { asSchedule } from "../../src/spec/several.ts";
import { spec } from "./runs-spec.ts";

/** Kernels of both buckets, or what is wrong. */
function made(input: MoeInput): readonly KernelPlan[] {
  const { plan, findings } = judge(moe(input), registries);
  if (plan === undefined) expect.unreachable(findings.map(({ message }) => message).join());
  return plan.kernels;
}

const many = { experts: 128, topK: 8 };
const rowsOf = ({ tiles }: KernelPlan): number | undefined => tiles.own.run_rows;
const bytesOf = (kernel: KernelPlan, name: string) => {
  const found = allOf(kernel).streams.find((stream) => stream.name === name);
  if (found === undefined) expect.unreachable(`no ${name}`);
  return { bytes: found.bytes, copies: found.copies };
};

describe("chosen", () => {
  test("one where a device has one token for many others, more where runs are long", () => {
    expect(made(spec(many, 64)).map(rowsOf)[0]).toBe(1);
    const [, large] = made(spec(many, 4));
    expect(large === undefined ? 0 : rowsOf(large)).toBeGreaterThanOrEqual(4);
  });

  test("a kernel that is made keeps its own at another T", () => {
    const { plan } = judge(moe(spec(many, 32)), registries);
    const large = plan?.kernels.find(({ bucket }) => bucket === "large");
    if (plan === undefined || large === undefined) expect.unreachable("no kernel");
    const few = lowerFor(plan, { device: "v7x", tokens: 65 }, registries);
    expect(few.bucket).toBe("large");
    expect(rowsOf(few)).toBe(rowsOf(large));
    // Chosen for the few it would be another.
    expect(made(spec(many, 32)).map(rowsOf)[0]).toBeLessThan(rowsOf(large) ?? 0);
  });

  test("nothing on one device, nor with rows in HBM", () => {
    expect(made(spec({}, 1)).map(rowsOf)).toEqual([undefined, undefined]);
    expect(made(spec({}, 4, { rows: "hbm with sums" })).map(rowsOf)).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe("named", () => {
  test.each(RUN_ROWS)("%i", (runRows) => {
    const [kernel] = made(spec(many, 8, { runRows }, ["v6e"]));
    if (kernel === undefined) expect.unreachable("no kernel");
    expect(rowsOf(kernel)).toBe(runRows);
    for (const name of ["rows_out", "sums_out"]) {
      const { bytes, copies } = bytesOf(kernel, name);
      // Whole copies: D = 1,024 bfloat16 columns a row.
      expect(bytes).toBeCloseTo(copies * runRows * 2048, 6);
    }
  });

  test("more rows a copy are fewer copies and more bytes", () => {
    const all = RUN_ROWS.map((runRows) => {
      const [kernel] = made(spec(many, 8, { runRows }, ["v6e"]));
      if (kernel === undefined) expect.unreachable("no kernel");
      return bytesOf(kernel, "rows_out");
    });
    for (const [at, { bytes, copies }] of all.entries()) {
      const before = all[at - 1];
      if (before === undefined) continue;
      expect(copies).toBeLessThan(before.copies);
      expect(bytes).toBeGreaterThan(before.bytes);
    }
  });

  test.each([
    [3, {}, "runRows = 3 is not supported: 1, 2, 4, 8"],
    [2, { rows: "hbm with sums" }, 'runRows = 2 with rows = "hbm with sums"'],
    [2, { rows: "auto" }, 'runRows = 2 with rows = "auto": where rows lie in HBM'],
  ])("%i with %j is refused", (runRows, more, says) => {
    const { plan, findings } = judge(moe(spec(many, 8, { runRows, ...more })), registries);
    expect(plan).toBeUndefined();
    expect(findings[0]?.code).toBe("MOE113");
    expect(findings[0]?.message).toContain(says);
  });

  test("of another schedule beside runs it is refused, and not said to be the bucket's", () => {
    const { schedule, ...others } = moe(spec({}));
    const member = { bt: 64, bf: 512, bd: 1024, runRows: 2 };
    const all = { upTo: 64, use: "runs", runs: member, gather: member };
    const several = { ...others, schedule: asSchedule({ kind: "auto", tiles: { all } }) };
    const { findings } = judge(several, registries);
    expect(findings.map(({ message }) => message)).toEqual(["gather has no runRows"]);
  });
});
