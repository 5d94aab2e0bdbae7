/** Predicted times of a bucket: judged, and carried to the tile table; absent, they leave no trace. */
import { describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { emitPackage } from "../../src/emit/index.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { checkText, specText } from "./marked.ts";

const TILES = "upTo: 256, bt: 64, bf: 768, bd: 2048";
const spec = (predicted?: string): string =>
  specText({
    devices: '["v6e", "v7x"]',
    tiles: `{ decode: { ${TILES}${predicted === undefined ? "" : `, predicted: ${predicted}`} } }`,
  });

async function planOf(text: string): Promise<Plan> {
  // A package is made of it: the schedule must be one that has templates.
  const { plan, diagnostics } = await checkText(text, undefined, undefined, registries);
  if (plan === undefined) throw new Error(diagnostics[0]?.message);
  return plan;
}

describe("predicted times", () => {
  test("reach the tile table of their device alone", async () => {
    const plan = await planOf(spec("{ v6e: { fused: 120, epmoe: 180.5 } }"));
    expect(plan.kernels.map(({ device, predicted }) => [device, predicted])).toEqual([
      ["v6e", { fused: 120, epmoe: 180.5 }],
      ["v7x", undefined],
    ]);
    const files = await emitPackage(plan);
    const tiles = files.get(`${plan.name}/tiles.py`) ?? "";
    expect(tiles.match(/predicted_us=.*/g)).toEqual(["predicted_us=(120.0, 180.5),"]);
    expect(files.get(`${plan.name}/__init__.py`)).toContain('"predicted_ratio"');
  });

  test("leave no trace where there are none", async () => {
    const [without, none] = [await planOf(spec()), await planOf(spec("{}"))];
    expect(none).toEqual(without);
    const files = [...(await emitPackage(without)).values()];
    expect(files.some((text) => text.includes("predicted"))).toBe(false);
  });

  test.each([
    ["a device that the spec has not", "{ ⟦v5p⟧: { fused: 1, epmoe: 2 } }", "MOE102"],
    ["half a pair", "{ v6e: ⟦{ fused: 1 }⟧ as never }", "MOE102"],
    ["no time", "{ v6e: { fused: ⟦0⟧, epmoe: 2 } }", "MOE114"],
    ["the time of no call", "{ v6e: { fused: ⟦1e-320⟧, epmoe: 2 } }", "MOE114"],
    ["a time without end", "{ v6e: { fused: 1, epmoe: ⟦1e308⟧ } }", "MOE114"],
  ] as const)("%s is refused where it stands", async (_, predicted, code) => {
    const { found, place, plan } = await checkText(spec(predicted), code);
    expect(found).toMatchObject(place);
    expect(plan).toBeUndefined();
  });
});
