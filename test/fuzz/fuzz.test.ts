/**
 * Random specs, legal and not: diagnostics or a package, never a stack trace. `npm run fuzz` does this
 * with thousands, and validates and compiles a sample; what it found once is in `regressions/`.
 */
import { randomInt } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { long } from "../long.ts";
import { examine, examineFile } from "./examine.ts";
import { complaints, type Package } from "./python.ts";
import { anySpecs } from "./specs.ts";

const RUNS = long ? 200 : 80;
/** The same specs in every run, so that a change is judged and not luck; the long run has fresh ones. */
const SEED = long ? randomInt(2 ** 31) : 14;
const REGRESSIONS = fileURLToPath(new URL("regressions/", import.meta.url));
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "moegen-fuzz-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("random specs", () => {
  const packages: Package[] = [];
  const codes = new Set<string>();

  test("are refused with diagnostics, or build", async () => {
    // Said before the first one, for a run that is ended from outside.
    if (long) console.log(`random specs of seed ${SEED}`);
    let index = 0;
    let models = 0;
    await fc.assert(
      fc.asyncProperty(anySpecs, async (input) => {
        const { accepted, layers, codes: said } = await examine(input, folder);
        for (const code of said) codes.add(code);
        index += 1;
        if (accepted !== undefined) {
          packages.push({ index, name: accepted.plan.name, files: accepted.files });
        }
        if (layers !== undefined) {
          packages.push({ index, ...layers });
          models += 1;
        }
      }),
      // The first one that fails is told at once, with seed and path: `npm run fuzz` makes it smaller.
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    // Either would say that the specs, or the rules, are not what they were.
    expect(packages.length).toBeGreaterThan(RUNS / 5);
    expect(packages.length).toBeLessThan(RUNS * 0.8);
    expect(codes.size).toBeGreaterThan(10);
    expect(models).toBeGreaterThan(0);
  });

  test("that build give Python which Black leaves and which imports", async () => {
    expect(packages.length).toBeGreaterThan(0);
    expect([...(await complaints(packages))]).toEqual([]);
  });
});

const kept = readdirSync(REGRESSIONS).filter((name) => name.endsWith(".moe.ts"));

test.each(kept)("%s, found once, holds", async (name) => {
  const { accepted } = await examineFile(join(REGRESSIONS, name));
  if (accepted === undefined) return;
  const { plan, files } = accepted;
  expect([...(await complaints([{ index: 0, name: plan.name, files }]))]).toEqual([]);
});
