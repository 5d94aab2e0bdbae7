/** A worker that somebody ends, or a machine without memory: nothing was found out, and nothing is wrong. */
import { describe, expect, it } from "vitest";
import { faulty } from "../sweep/faulty.ts";
import { emptyFolder, moegen, onlyObject, qwen } from "./moegen.ts";

const CASES = ["uniform", "hot-expert"];

async function run(args: readonly string[], fault: string) {
  const cwd = emptyFolder();
  const ran = await moegen([...args, "--json"], {
    ...{ cwd, env: { ...faulty(cwd, [fault]), MOEGEN_COMPILE_CACHE: "off" } },
  });
  return { code: ran.code, stderr: ran.stderr, said: onlyObject(ran) };
}

describe("a worker that is ended from outside", () => {
  it("leaves its case without a verdict, unlike one that ends by its own fault", async () => {
    const args = ["validate", qwen, "--case", CASES.join(",")];
    const { code, said, stderr } = await run(args, "lose-validate");
    expect(code).toBe(75);
    expect(said).toMatchObject({ ok: false, undecided: 1, worstError: 2e-3 });
    const lost = { ok: false, error: null, failure: { kind: "lost" } };
    expect(said.cases).toMatchObject([lost, { ok: true }]);
    expect(stderr).toContain("? -");
    expect(stderr).not.toContain("NaN");
    expect(stderr).not.toContain("failed");
    const crashed = await run(args, "abort-validate");
    expect(crashed.code).toBe(1);
    expect(crashed.said.cases).toMatchObject([{ failure: { kind: "crash" } }, { ok: true }]);
  });

  it.each(["compile", "profile"])("leaves the kernel of `%s` without one", async (command) => {
    const args = [command, qwen, "--device", "v6e", "--tokens", "64"];
    const { code, said } = await run(args, "kill");
    expect(code).toBe(75);
    expect(said.targets).toMatchObject([{ failure: { kind: "lost" } }]);
    expect((await run(args, "abort")).code).toBe(1);
  });

  it("leaves a call of `predict` unpredicted, and the other as it is", async () => {
    const args = ["predict", qwen, "--device", "v6e", "--tokens", "16,64"];
    const { code, said } = await run(args, "kill");
    expect(code).toBe(75);
    expect(said.calls).toHaveLength(1);
    expect(said.failures).toEqual([expect.stringContaining("was not compiled: the worker ended")]);
  });

  it("is no catch of a mutant", async () => {
    const { code, said } = await run(["validate", qwen, "--mutants"], "lose-mutant");
    expect(code).not.toBe(0);
    expect(said).toMatchObject({ killed: 1, undecided: 1, total: 2 });
  });
});
