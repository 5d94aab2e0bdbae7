/** Validation from the TypeScript side, on the worker's hand-made package, sound and broken. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { validateSpec } from "../../src/runner/index.ts";
import type { ValidateEvent, ValidateOptions, ValidateResult } from "../../src/runner/types.ts";

const fixture = fileURLToPath(new URL("../../python/tests/fixtures/tiny_moe", import.meta.url));
const example = fileURLToPath(new URL("../../examples/qwen3-30b-a3b.moe.ts", import.meta.url));
const kernel = vi.hoisted(() => ({ change: (text: string): string => text }));

// The runner does not care what the package computes: the small one answers in a second.
vi.mock("../../src/emit/index.ts", () => ({
  emitPackage: async ({ name }: { name: string }) =>
    new Map(
      readdirSync(fixture)
        .filter((file) => file.endsWith(".py"))
        .map((file) => {
          const text = readFileSync(join(fixture, file), "utf8");
          return [`${name}/${file}`, file === "kernel.py" ? kernel.change(text) : text];
        }),
    ),
}));

afterEach(() => {
  kernel.change = (text) => text;
});

async function validate(
  options: ValidateOptions,
): Promise<{ result: ValidateResult; events: readonly ValidateEvent[] }> {
  const { loaded, plan } = await checkFile(example);
  if (loaded === undefined || plan === undefined) throw new Error("the example does not check");
  const events: ValidateEvent[] = [];
  const given = { specPath: "my.moe.ts", ...options };
  const result = await validateSpec(loaded, plan, given, (event) => events.push(event));
  return { result, events };
}

describe("validate", () => {
  it("shows cases as they finish and ends with all of them", async () => {
    const { result, events } = await validate({ cases: ["uniform", "one-token"] });
    expect(result).toMatchObject({ ok: true, seed: 0 });
    expect(result.cases.map((one) => one.case)).toEqual(["uniform", "one-token"]);
    expect(events[0]).toMatchObject({ event: "start", size: { scaled: true, ep: 4 } });
    expect(events.filter(({ event }) => event === "case")).toHaveLength(2);
  });

  it("tells a deadlock exactly, who waits for what, and how to reproduce it", async () => {
    kernel.change = (text) => {
      const once = "pl.semaphore_wait(barrier, EP_SIZE - 1)";
      expect(text).toContain(once);
      // A signal more than ever comes.
      return text.replace(once, "pl.semaphore_wait(barrier, EP_SIZE)");
    };
    const { result } = await validate({ cases: ["uniform"], seed: 7 });
    expect(result).toMatchObject({ ok: false, undecided: 0, worstError: null });
    expect(result.cases[0]?.failure).toMatchObject({
      message: expect.stringMatching(/^deadlock: device 0 waits for barrier, 3 of 4/),
      reproduce: "moegen validate my.moe.ts --case uniform --seed 7",
    });
    expect(result.cases[0]?.failure?.kind).toBeUndefined();
  });

  it.each([
    ["runs without an end", "while True: pass", "no end after 3 s of processor time"],
    ["stands still", "__import__('time').sleep(1e6)", "stood still for 3 s"],
  ])("a case that %s is given up without a verdict", async (_, stuck, why) => {
    // While the kernel is traced: where it does not come from, the next case is none the wiser.
    kernel.change = (text) =>
      text.replace("    count = tokens.shape[0]\n", `    count = tokens.shape[0]\n    ${stuck}\n`);
    const { result } = await validate({ cases: ["uniform", "ids"], timeout: 3 });
    expect(result).toMatchObject({ ok: false, undecided: 2, worstError: null });
    expect(result.cases[0]?.failure).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining(`given up, no verdict: validate: ${why}`),
    });
  });

  it("reports the loss of the worker as that case's failure and goes on", async () => {
    kernel.change = (text) =>
      text.replace(
        "    count = tokens.shape[0]\n",
        "    count = tokens.shape[0]\n    if count == 1:\n        import os\n        os._exit(9)\n",
      );
    const { result } = await validate({ cases: ["one-token"] });
    expect(result.cases[0]).toMatchObject({ ok: false, case: "one-token" });
    expect(result.cases[0]?.failure?.message).toContain("exit code 9");
  });

  it("refuses a case that there is not, naming those there are", async () => {
    await expect(validate({ cases: ["nonsense"] })).rejects.toThrow(/no case 'nonsense'.*uniform/);
  });

  it("refuses an ep that does not divide, with the rule", async () => {
    await expect(validate({ ep: 3, fullSize: true })).rejects.toThrow(/at ep 3/);
  });
});
