/** A mutant that is given up is neither caught nor through, and a base that is given up fails nothing. */
import { afterEach, expect, it } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { EXIT } from "../../src/cli/exit.ts";
import { failureOf } from "../../src/cli/failure.ts";
import { runMutants } from "../../src/validate/mutants/run.ts";
import type { MutantsResult } from "../../src/validate/mutants/types.ts";
import { emptyFolder, moegen, onlyObject, qwen } from "../cli/moegen.ts";
import { faulty } from "../sweep/faulty.ts";

const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

async function mutants(faults: readonly string[]): Promise<MutantsResult> {
  Object.assign(process.env, faulty(emptyFolder(), faults));
  const { loaded, plan } = await checkFile(qwen);
  if (loaded === undefined || plan === undefined) throw new Error("the example does not check");
  return runMutants(loaded, plan, { timeout: 2, workers: 1 });
}

it("a mutant without an end has no verdict, and the next one is run", async () => {
  const result = await mutants(["hang-mutant"]);
  expect(result).toMatchObject({ ok: false, killed: 1, undecided: 1, total: 2 });
  expect(result.mutants).toMatchObject([
    {
      id: "wait-1",
      caught: false,
      undecided: true,
      message: expect.stringContaining("stood still"),
    },
    { id: "wait-2", caught: true, by: "deadlock" },
  ]);
});

it("the kernel without a fault, given up, is no wrong kernel", async () => {
  const error = await mutants(["hang-base"]).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(failureOf(error)).toMatchObject({ exit: EXIT.undecided, code: "timeout" });
});

it("all caught is 0", async () => {
  const cwd = emptyFolder();
  const ran = await moegen(["validate", qwen, "--mutants", "--json"], {
    cwd,
    env: faulty(cwd, []),
  });
  expect([ran.code, onlyObject(ran).undecided]).toEqual([0, 0]);
});
