/** Random specs, legal and not: diagnostics or a package, never a stack trace. `npm run fuzz` soaks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examine } from "./examine.ts";
import { anySpecs } from "./specs.ts";

const RUNS = Number(process.env.RUNS ?? 200);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "moegen-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("random specs", () => {
  test("are refused with diagnostics, or build", async () => {
    const counts: Record<string, number> = {};
    let accepted = 0;
    const t = performance.now();
    await fc.assert(
      fc.asyncProperty(anySpecs, async (input) => {
        const e = await examine(input, folder);
        for (const c of new Set(e.codes)) counts[c] = (counts[c] ?? 0) + 1;
        if (e.accepted) accepted += 1;
      }),
      { numRuns: RUNS, seed: Number(process.env.SEED ?? 5) },
    );
    console.log(accepted, counts, (performance.now() - t) / RUNS);
    expect(accepted).toBeGreaterThan(RUNS / 5);
  }, 600000);
});
