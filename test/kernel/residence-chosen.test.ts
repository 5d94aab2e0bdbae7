/** `rows: "auto"`: where rows lie is what a call is estimated to take least with. */
import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { explainPlan } from "../../src/cli/explain/page.ts";
import { expertMemory } from "../../src/lower/hbm.ts";
import type { Plan } from "../../src/plan/plan.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { LAYER } from "./resident-layer.ts";

type Rows = NonNullable<BucketSpec["rows"]>;

function specOf(rows: Rows, upTo: readonly number[], layer: Partial<LayerSpec> = {}): MoeSpec {
  const bucket = (most: number) =>
    [`to${most}`, { upTo: most, bt: Math.min(128, most), bf: 256, bd: 4096, rows }] as const;
  return {
    name: "chosen",
    layer: { ...LAYER, ...layer },
    mesh: { ep: 8, axes: ["expert"] },
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: Object.fromEntries(upTo.map(bucket)) },
    emit: { reference: false },
  };
}

function planOf(spec: MoeSpec): Plan {
  const { plan, findings } = judge(spec, registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

const rowsOf = ({ kernels }: Plan) => kernels.map(({ tiles: { rows = "vmem" } }) => rows);

test("each place is compared, and the kernel is that of the one that is taken", () => {
  const plan = planOf(specOf("auto", [8192]));
  const [kernel] = plan.kernels;
  const times = kernel?.rowsTimes ?? [];
  const places = ["hbm", "hbm with results", "hbm with sums", "two passes", "vmem"];
  expect(times.map(({ rows }) => rows).toSorted()).toEqual(places);
  expect(times.map(({ us }) => us)).toEqual(times.map(({ us }) => us).toSorted((a, b) => a - b));
  const [rows = "vmem"] = rowsOf(plan);
  const taken = times.find((one) => one.rows === rows)?.us ?? 0;
  // Not the nearest: rows in VMEM take longer here, and what is taken hardly more than the least.
  expect(rows).not.toBe("vmem");
  expect(taken).toBeLessThan(times.find((one) => one.rows === "vmem")?.us ?? 0);
  expect(taken).toBeLessThan((times[0]?.us ?? 0) / 0.97 + 1);
  const { rowsTimes: _, ...without } = kernel ?? {};
  expect(without).toEqual(planOf(specOf(rows, [8192])).kernels[0]);
  const { schedules, devices } = registries;
  const schedule = schedules.gather;
  const memory = expertMemory(plan.layer, plan.mesh, undefined, { schedule, devices });
  const page = explainPlan(plan, plan.kernels, memory, createColors(false), false).join("\n");
  expect(page).toContain(
    `rows: ${rows}, chosen for all buckets; estimated for T = 8192: ${times[0]?.rows}`,
  );
});

test("few tokens stay in VMEM", () => {
  expect(rowsOf(planOf(specOf("auto", [64])))).toEqual(["vmem"]);
});

test("all buckets have one answer, and say so where they do not agree", () => {
  expect(new Set(rowsOf(planOf(specOf("auto", [64, 8192])))).size).toBe(1);
  const mixed = specOf("auto", [64, 8192]);
  const { to64, ...others } = mixed.schedule.tiles;
  const { rows: _, ...plain } = to64 ?? { upTo: 64 };
  const tiles = { to64: plain, ...others };
  const { findings } = judge({ ...mixed, schedule: { ...mixed.schedule, tiles } }, registries);
  expect(findings.map(({ code, message }) => `${code} ${message}`)).toEqual([
    'MOE144 rows = "auto", but not in to64',
  ]);
});

test("what would make three buckets agree is said whole", () => {
  const mixed = specOf("hbm", [64, 512, 8192]);
  const nearest = (rows: Readonly<Record<string, "hbm" | "two passes" | undefined>>) => {
    const tiles = Object.fromEntries(
      Object.entries(mixed.schedule.tiles).map(([name, { rows: _, ...bucket }]) => [
        name,
        { ...bucket, ...(rows[name] === undefined ? {} : { rows: rows[name] }) },
      ]),
    );
    const { findings } = judge({ ...mixed, schedule: { ...mixed.schedule, tiles } }, registries);
    return findings.map((one) => one.nearest);
  };
  expect(nearest({ to64: "hbm" })).toEqual([["vmem", 'rows: "hbm" in to512, to8192']]);
  expect(nearest({ to64: "hbm", to512: "hbm" })).toEqual([
    ['rows: "hbm" in to8192'],
    ['rows: "hbm" in to8192'],
  ]);
  expect(nearest({ to64: "hbm", to512: "two passes", to8192: "hbm" })).toEqual([
    ['rows: "hbm" in to512'],
    ["hbm", 'rows: "two passes" in to64, to8192'],
    ['rows: "hbm" in to512'],
  ]);
});

test("what a layer does not have elsewhere leaves VMEM alone", () => {
  const deterministic = planOf(specOf("auto", [512], { deterministic: true }));
  expect(rowsOf(deterministic)).toEqual(["vmem"]);
  expect(deterministic.kernels[0]?.rowsTimes?.map(({ rows }) => rows)).toEqual(["vmem"]);
});

test("beside buckets that are wrong in themselves, of any shape, the others are judged", () => {
  const { schedule, ...spec } = specOf("auto", [64, 512]);
  const { to64, ...others } = schedule.tiles;
  for (const wrong of [null, 7, { ...to64, bt: "many" }]) {
    const tiles = { to64: wrong as unknown as BucketSpec, ...others };
    const { findings, plan } = judge({ ...spec, schedule: { ...schedule, tiles } }, registries);
    expect(plan).toBeUndefined();
    expect(findings.every(({ path }) => path[2] === "to64")).toBe(true);
  }
});

test("passes of so many tokens leave the places that have such, of all buckets together", () => {
  const { schedule, ...spec } = specOf("auto", [512, 8192]);
  const judged = (few: number, many: number) => {
    const [[first = "", one] = [], [second = "", other] = []] = Object.entries(schedule.tiles);
    if (one === undefined || other === undefined) throw new Error("two buckets");
    const tiles = {
      [first]: { ...one, passTokens: few },
      [second]: { ...other, passTokens: many },
    };
    return judge({ ...spec, schedule: { ...schedule, tiles } }, registries);
  };
  const { plan } = judged(64, 1024);
  // More than 8,191 rows of all devices are in HBM with their sums, or what these are made of.
  expect(plan && rowsOf(plan)).toEqual(["hbm with results", "hbm with results"]);
  // Eight of a device have their place in VMEM alone.
  expect(
    judged(8, 1024).findings.map(({ code, path, nearest }) => [code, path[2], nearest]),
  ).toEqual([
    ["MOE145", "to512", [16, 32]],
    ["MOE145", "to8192", [768, 896]],
  ]);
});
