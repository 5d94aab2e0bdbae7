/**
 * Each copy, semaphore and slot of a kernel's source is its plan's, and each of the plan's is in the source: held
 * over rows of the matrix, of every schedule. The source is read, not run.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import { allOf } from "../../src/plan/call.ts";
import { workerLayer } from "../../src/runner/layer.ts";
import { writePackage } from "../../src/runner/local.ts";
import { schedules } from "../../src/schedule/registry.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";
import { callOf } from "../../src/validate/matrix/spec.ts";
import { root } from "../cli/moegen.ts";
import { long } from "../long.ts";

/** Of so many rows one, unless all are asked for; odd, since fields alternate. */
const EVERY = long ? 1 : 9;

const READ = `
import json, sys
from moegen_worker.mutants.make import mutants
from moegen_worker.wire.errors import OpError

for case in json.load(open(sys.argv[1])):
    try:
        mutants(case["package"], case["plan"], case["layer"], families=())
        said = None
    except OpError as error:
        said = str(error)
    print(json.dumps({"row": case["row"], "said": said}))
`;

/** A row with a plan of no copies. */
const SPOILT = "spoilt";

interface Case {
  readonly row: string;
  readonly package: string;
  readonly plan: ReturnType<typeof allOf>;
  readonly layer: unknown;
}

const rows = matrixRows(schedules)
  .map((row, index) => ({ row, index }))
  .filter(({ index }) => index % EVERY === 0);

describe("the source of a row", () => {
  let folder = "";
  let said: readonly { readonly row: string; readonly said: string | null }[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "moegen-tied-"));
    const cases: Case[] = [];
    for (const { row, index } of rows) {
      const { plan, findings } = judge(callOf(row, index, schedules).spec, registries);
      const [kernel] = plan?.kernels ?? [];
      if (plan === undefined || kernel === undefined) throw new Error(JSON.stringify(findings));
      cases.push({
        row: plan.name,
        package: await writePackage(await emitPackage(plan), folder, plan.name),
        plan: allOf(kernel),
        layer: workerLayer(plan),
      });
    }
    const [first] = cases;
    if (first === undefined) throw new Error("no rows");
    cases.push({ ...first, row: SPOILT, plan: { ...first.plan, streams: [] } });
    const file = join(folder, "cases.json");
    await writeFile(file, JSON.stringify(cases));
    const { stdout } = await execa(interpreterOf(checkoutEnvironment), ["-c", READ, file], {
      env: { PYTHONPATH: join(root, "python"), JAX_PLATFORMS: "cpu" },
    });
    said = stdout.split("\n").map((line) => JSON.parse(line));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is of every schedule", () => {
    expect(new Set(rows.map(({ row }) => row.schedule))).toEqual(
      new Set(Object.values(schedules).map(({ kind }) => kind)),
    );
  });

  test("has what its plan has", () => {
    const names = rows.map(({ index }) => `row_${String(index + 1).padStart(2, "0")}`);
    expect(said.map(({ row }) => row)).toEqual([...names, SPOILT]);
    const [spoilt, ...others] = said.filter((one) => one.said !== null).reverse();
    expect(others).toEqual([]);
    expect(spoilt).toEqual({ row: SPOILT, said: expect.stringContaining("0 streams of the plan") });
  });
});
