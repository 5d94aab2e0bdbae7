/** The pieces of compile and validate that need no Python. */
import { expect, it } from "vitest";
import type { Buffer } from "../../src/plan/plan.ts";
import { nameBuffers } from "../../src/runner/compile.ts";
import { inParallel } from "../../src/runner/parallel.ts";
import { reproduceLine } from "../../src/runner/reproduce.ts";

const buffer = (name: string, shape: number[], slots = 1): Buffer => ({
  name,
  space: "VMEM",
  shape,
  dtype: "bfloat16",
  slots,
  bytes: 0,
  meaning: "",
});

it("scratch gets the plan's names by shape, each once", () => {
  const planned = [
    buffer("rows", [64, 512]),
    buffer("gate", [256, 512], 2),
    buffer("up", [64, 512]),
  ];
  const listed = [
    { shape: "bf16[2,256,512]{2,1,0:T(8,128)(2,1)}", bytes: 1, tag: "scratch operand" },
    { shape: "bf16[64,512]", bytes: 2, tag: "scratch operand" },
    { shape: "bf16[64,512]", bytes: 3, tag: "scratch operand" },
    { shape: "", bytes: 4, tag: "SPILL" },
  ];
  expect(nameBuffers(listed, planned).map(({ name }) => name)).toEqual([
    "gate",
    "rows",
    "up",
    null,
  ]);
  expect(nameBuffers(listed, planned)[0]?.shape).toBe("bf16[2,256,512]");
});

it("a reproduction line can be pasted", () => {
  expect(reproduceLine("a b/x.moe.ts", "ties", 3, { ep: 2, tokens: [8, 9], fullSize: true })).toBe(
    "moegen validate 'a b/x.moe.ts' --case ties --seed 3 --ep 2 --tokens 8,9 --full-size",
  );
});

it("one of several works failing stops the others and is what is thrown", async () => {
  let stopped = false;
  const run = inParallel(2, undefined, async (index, signal) => {
    if (index === 0) throw new Error("first");
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
    });
    stopped = true;
  });
  await expect(run).rejects.toThrow("first");
  expect(stopped).toBe(true);
});
