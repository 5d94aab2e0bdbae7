/**
 * A fixed sample of the faults in Qwen3's synchronisation and of those in its arithmetic, every kind
 * among them: each is caught, and those of other projects' kernels in the order that a report names.
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
  mutantFamilies,
} from "../../src/validate/mutants/types.ts";
import { root } from "../cli/moegen.ts";

const SAMPLE = 9;
const NAMED = ["sgl-jax-1024", "tpu-inference-1252", "tpu-inference-1342"];

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
    const options = { sample: SAMPLE, families: ["sync"], workers: 1 } as const;
    result = await runMutants(loaded, plan, options, (event) => events.push(event));
  });

  test("are all caught, and the kernel without a fault is not", () => {
    expect(result.mutants.filter(({ caught }) => !caught)).toEqual([]);
    expect(result).toMatchObject({ ok: true, killed: SAMPLE, total: SAMPLE });
    expect(events.filter(({ event }) => event === "base")).toHaveLength(1);
  });

  test("are of every kind, those of other kernels among them", () => {
    expect(result.kinds.map(({ kind }) => kind)).toEqual(mutantFamilies.sync);
    const named = result.mutants.filter((mutant) => mutant.named);
    expect(named.map(({ id }) => id).sort()).toEqual(NAMED);
    for (const { file, line, by, order } of result.mutants) {
      expect(file).toMatch(/\.py$/);
      expect(line).toBeGreaterThan(0);
      expect(by).not.toMatch(/time-out|crash|not built|^error$/);
      expect(order?.text).toMatch(/copies/);
    }
  });
});

test("a sample of faults of arithmetic, every kind that Qwen3 has a place for, is caught", async () => {
  const { loaded, plan } = await qwen3();
  // Of plain weights without biases there are none.
  const kinds = mutantFamilies.arithmetic.filter((kind) => kind !== "scale" && kind !== "bias");
  const options = { sample: kinds.length, families: ["arithmetic"], workers: 1 } as const;
  const result = await runMutants(loaded, plan, options);
  expect(result.mutants.filter(({ caught }) => !caught)).toEqual([]);
  expect(result.kinds.map(({ kind }) => kind)).toEqual(kinds);
  for (const { by } of result.mutants) expect(by).not.toMatch(/time-out|crash|not built/);
});

test("the kernel is right in every kind of order, a device a call ahead among them", async () => {
  const { loaded, plan } = await qwen3();
  const result = await validateSpec(loaded, plan, { jitter: 0, cases: ["hot-device"] });
  expect(result.cases.filter(({ ok }) => !ok)).toEqual([]);
  expect(result.cases).toHaveLength(1);
});
