/** Random tiles and random places. What the checker says of random specs is in `test/fuzz`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judge } from "../../src/check/judge.ts";
import { locate } from "../../src/check/locate.ts";
import { auto, moe } from "../../src/index.ts";
import { fakes } from "./fake-schedule.ts";
import { specText } from "./marked.ts";

describe("random specs", () => {
  test("a plan's every kernel fits its device, at legal tiles", () => {
    const sane = fc.record({
      bt: fc.constantFrom(16, 64, auto),
      bf: fc.constantFrom(128, 384, auto),
      bd: fc.constantFrom(512, 2048, auto),
      upTo: fc.integer({ min: 1, max: 4096 }),
    });
    fc.assert(
      fc.property(sane, (tiles) => {
        const made = moe({
          name: "small",
          layer: {
            experts: 8,
            topK: 2,
            hidden: 2048,
            intermediate: 768,
            activation: "silu",
            routing: { where: "given" },
          },
          mesh: { ep: 2 },
          devices: ["v5e", "v7x"],
          schedule: { kind: "gather", tiles: { all: tiles } },
        });
        const { plan } = judge(made, fakes);
        expect(plan?.kernels.map(({ device }) => device)).toEqual(["v5e", "v7x"]);
        for (const kernel of plan?.kernels ?? []) {
          expect(kernel.vmem.used).toBeLessThanOrEqual(kernel.vmem.available);
          expect(768 % kernel.tiles.bf).toBe(0);
          expect(2048 % kernel.tiles.bd).toBe(0);
        }
      }),
    );
  });

  test("any path has a place in any text", async () => {
    const text = specText();
    const lines = text.split("\n");
    const step = fc.constantFrom(
      "layer",
      "schedule",
      "tiles",
      "decode",
      "bf",
      "devices",
      0,
      1,
      "x",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step), fc.string(), async (path, other) => {
        const { line, column, endColumn } = await locate(text, { path });
        expect(lines[line - 1]?.length).toBeGreaterThanOrEqual(endColumn - 1);
        expect(endColumn).toBeGreaterThan(column);
        await locate(other, { path, at: "key" });
      }),
      { numRuns: 60 },
    );
  });
});
