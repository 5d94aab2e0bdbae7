/** Rows in VMEM and in HBM in one package: each place is a member, as each schedule is. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { membersOf } from "../../src/plan/members.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { validateSpec } from "../../src/runner/index.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import { memberName, memberNames, memberParts } from "../../src/spec/member.ts";
import { asSchedule, type SeveralSpec } from "../../src/spec/several.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { long } from "../long.ts";
import { LAYER } from "./resident-layer.ts";

const TIMES = {
  few: { v7x: { gather: 50, gather_hbm_sums: 60, epmoe: 90 } },
  many: { v7x: { gather: 900, gather_hbm_sums: 400, epmoe: 2000 } },
};

function specOf(schedule: object, layer: Partial<LayerSpec> = {}): MoeSpec {
  return {
    name: "two_places",
    layer: { ...LAYER, ...layer },
    mesh: { ep: 8, axes: ["expert"] },
    devices: ["v7x"],
    schedule: asSchedule({ kind: "auto", ...schedule } as SeveralSpec),
    emit: { reference: false },
  };
}

const BOTH = {
  among: ["gather", "gather_hbm_sums"],
  tiles: {
    few: { upTo: 64, predicted: TIMES.few },
    many: { upTo: 8192, predicted: TIMES.many, gather_hbm_sums: { bt: 256 } },
  },
};

function planOf(schedule: object): Plan {
  const { plan, findings } = judge(specOf(schedule), registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

const said = (schedule: object, layer?: Partial<LayerSpec>) =>
  judge(specOf(schedule, layer), registries).findings.map(
    ({ code, path, nearest }) => [code, path.join("."), nearest] as const,
  );

test("a member's name says its schedule and where its rows lie, both ways", () => {
  const names = memberNames(registries.schedules);
  expect(names).toContain("runs_hbm_sums");
  // Of a schedule whose rows have one place there is one.
  expect(names.filter((name) => name.startsWith("gmm"))).toEqual(["gmm"]);
  expect(names.map((name) => memberName(memberParts(name)))).toEqual(names);
});

test("each bucket has its rows where it is predicted to be faster, and a folder has each place's modules", async () => {
  const plan = planOf(BOTH);
  expect(plan.kernels.map(({ schedule, tiles }) => [schedule, tiles.rows, tiles.upTo])).toEqual([
    ["gather", undefined, 64],
    ["gather_hbm_sums", "hbm with sums", 8192],
  ]);
  expect(plan.kernels[1]?.tiles.bt).toBe(256);
  expect(membersOf(plan).map(({ name, plan: own }) => [name, own.schedule])).toEqual([
    ["gather", "gather"],
    ["gather_hbm_sums", "gather"],
  ]);
  const files = await emitPackage(plan);
  const table = files.get("two_places/tiles.py") ?? "";
  expect(table).toContain('schedule="gather_hbm_sums"');
  expect(table).toContain("Tiles = gather.Tiles | gather_hbm_sums.Tiles");
  // What lies in HBM is in one folder alone.
  const sums = (member: string): boolean =>
    files.get(`two_places/${member}/experts.py`)?.includes("block_sums") === true;
  expect([sums("gather"), sums("gather_hbm_sums")]).toEqual([false, true]);
});

test("where one place wins everywhere the package is that kernel's own", () => {
  const { few, many } = BOTH.tiles;
  const plan = planOf({ ...BOTH, tiles: { few: { ...few, predicted: TIMES.many }, many } });
  expect(plan.schedule).toBe("gather");
  expect(plan.kernels.map(({ tiles }) => tiles.rows)).toEqual(["hbm with sums", "hbm with sums"]);
});

test("nobody takes part in another place who is not asked for", () => {
  const { members } = judge(specOf({ tiles: { few: { upTo: 64 } } }), registries);
  expect(members?.map(({ name }) => name)).toEqual(["gather", "gmm", "runs"]);
  const used = judge(specOf({ tiles: { few: { upTo: 64, use: "gather_hbm" } } }), registries);
  expect(used.members?.map(({ name }) => name)).toContain("gather_hbm");
  expect(used.plan?.kernels[0]?.tiles.rows).toBe("hbm");
});

test("what is not served is said where the member is named, once", () => {
  expect(said(BOTH, { identityExperts: 4 })).toEqual([
    ["MOE144", "schedule.among.1", ["gather", "gather_overlapped"]],
  ]);
  const runs = { ...BOTH, among: ["runs", "runs_hbm"] };
  expect(said({ ...runs, tiles: { few: { upTo: 64, use: "runs" } } })).toEqual([
    ["MOE144", "schedule.among.1", ["runs", "runs_hbm_sums"]],
  ]);
  // Where rows lie is the name's to say; a schedule without the choice has no such name.
  const tiles = { few: { upTo: 64, use: "gather", gather: { rows: "hbm" } } };
  expect(said({ tiles }).map(([code, path]) => [code, path])).toEqual([
    ["MOE102", "schedule.tiles.few.gather.rows"],
  ]);
  expect(said({ ...BOTH, among: ["gather", "gmm_hbm"] }).map(([code]) => code)).toContain("MOE102");
});

const folder = mkdtempSync(join(tmpdir(), "moegen-places-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A call of each place on four simulated devices, races looked for; of all cases in the long run. */
test("calls in both places are right", async () => {
  const path = join(folder, "places.moe.ts");
  const spec = { ...specOf(BOTH), mesh: { ep: 4 }, devices: ["v7x"] };
  writeFileSync(
    path,
    `import { moe } from "moegen";\nexport default moe(${JSON.stringify(spec)} as never);\n`,
  );
  const { loaded, plan, diagnostics } = await checkFile(path);
  if (loaded === undefined || plan === undefined) throw new Error(JSON.stringify(diagnostics));
  const cases = long ? {} : { cases: ["uniform", "hot-device"] };
  const result = await validateSpec(loaded, plan, cases);
  expect(result).toMatchObject({ ok: true, undecided: 0, size: { ep: 4, scaled: true } });
  // A usual call is of the first member, a further one of the other.
  expect(new Set(result.cases.map(({ tokens }) => tokens)).size).toBeGreaterThan(1);
});
