/**
 * A fixed sample of the faults in Qwen3's synchronisation and in its arithmetic, every kind among them: each is
 * caught, and those of other projects' kernels in the order that a report names.
 * `moegen validate --mutants` runs all.
 */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { validateSpec } from "../../src/runner/index.ts";
import { runMutants } from "../../src/validate/mutants/run.ts";
import {
  type MutantsEvent,
  type MutantsResult,
  mutantKinds,
} from "../../src/validate/mutants/types.ts";
import { root } from "../cli/moegen.ts";

const NAMED = ["sgl-jax-1024", "tpu-inference-1252", "tpu-inference-1342"];
/** Of plain weights without biases there are no others. */
const KINDS = mutantKinds.filter((kind) => kind !== "scale" && kind !== "bias");
/** The named ones, then one of each kind. */
const SAMPLE = NAMED.length + KINDS.length;

async function qwen3() {
  const { loaded, plan } = await checkFile(join(root, "examples", "qwen3-30b-a3b.moe.ts"));
  if (loaded === undefined || plan === undefined) throw new Error("the example does not check");
  return { loaded, plan };
}

describe("a sample of mutants", () => {
  const events: MutantsEvent[] = [];
  let result: MutantsResult;

  beforeAll(async () => {
    const { loaded, plan } = await qwen3();
    // A second worker would build every case once more.
    const options = { sample: SAMPLE, workers: 1 };
    result = await runMutants(loaded, plan, options, (event) => events.push(event));
  });

  test("are all caught, by what the kernel without a fault passes", () => {
    expect(result.mutants.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({ ok: true, killed: SAMPLE, total: SAMPLE });
    const runs = events.flatMap((event) => (event.event === "base" ? [event.attempts] : []));
    expect(runs).toEqual([expect.any(Number)]);
    const by = result.mutants.map((one) => `${one.case} ${one.tokens} ${one.order?.text}`);
    expect(runs[0]).toBeGreaterThanOrEqual(new Set(by).size);
  });

  test("are of every kind that Qwen3 has a place for, those of other kernels among them", () => {
    expect(result.kinds.map(({ kind }) => kind)).toEqual(KINDS);
    const named = result.mutants.filter((mutant) => mutant.named);
    expect(named.map(({ id }) => id).sort()).toEqual(NAMED);
    for (const { family, file, line, by, order } of result.mutants) {
      expect(file).toMatch(/\.py$/);
      expect(line).toBeGreaterThan(0);
      expect(by).not.toMatch(
        family === "sync" ? /time-out|crash|not built|^error$/ : /time-out|crash|not built/,
      );
      expect(order?.text).toMatch(/copies/);
    }
  });
});

test("the kernel is right in every kind of order, a device a call ahead among them", async () => {
  const { loaded, plan } = await qwen3();
  const result = await validateSpec(loaded, plan, { jitter: 0, cases: ["hot-device"] });
  expect(result.cases.filter(({ ok }) => !ok)).toEqual([]);
  expect(result.cases).toHaveLength(1);
});
