/** What keeps a token's result from being the same in any batch is refused by name. */
import { expect, test } from "vitest";
import { judge } from "../../src/check/judge.ts";
import { gather } from "../../src/schedule/gather/index.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { devices } from "../../src/target/device/registry.ts";
import { fake } from "./fake-schedule.ts";
import { checkText, LAYER, specText } from "./marked.ts";

const layer = LAYER.replace("topK: 8", "deterministic: true, topK: 8");
const real = { schedules: { gather }, devices };

test("several bodies", async () => {
  const tiles = "{ decode: { upTo: 256, bt: 64, btc: ⟦[16, 64]⟧, bf: 768, bd: 2048 } }";
  const { found, place } = await checkText(specText({ layer, tiles }), "MOE137");
  expect(found).toMatchObject({ message: "btc = [16, 64] with deterministic: 2 bodies", ...place });
  expect(found?.nearest).toEqual(["[64]"]);
});

test("early experts whose weights come in tiles", async () => {
  const tiles = "{ decode: { upTo: 256, bt: 64, bf: 384, bd: 2048, early: ⟦2⟧ } }";
  const { found, place } = await checkText(specText({ layer, tiles }), "MOE137", undefined, real);
  expect(found).toMatchObject({ ...place, nearest: [1] });
});

test("as whole experts they keep the order of the experts", async () => {
  const tiles = "{ decode: { upTo: 256, bt: 64, bf: 768, bd: 2048, early: 2 } }";
  const { plan } = await checkText(specText({ layer, tiles }), undefined, undefined, real);
  expect(plan?.kernels[0]?.tiles).toMatchObject({ streamed: false, btc: [64] });
});

test("tiles left to the plan start one expert early at most, in tiles", async () => {
  const tiles = "{ decode: { upTo: 256, bt: 64, bf: 128, bd: 1024 } }";
  const free = await checkText(specText({ tiles }), undefined, undefined, real);
  const { plan } = await checkText(specText({ layer, tiles }), undefined, undefined, real);
  expect(free.plan?.kernels[0]?.tiles.own.early).toBeGreaterThan(1);
  expect(plan?.kernels[0]?.tiles.own.early).toBe(1);
});

test("a schedule that does not offer it", async () => {
  const { deterministic: _, ...without } = fake;
  const marked = specText({ layer: layer.replace("true, topK", "⟦true⟧, topK") });
  const using = { schedules: { gather: without }, devices };
  const { found, place } = await checkText(marked, "MOE112", undefined, using);
  expect(found).toMatchObject({
    message: "the gather schedule has no deterministic kernel",
    ...place,
  });
});

test("a spec without a layer has diagnostics, and nothing that is thrown", () => {
  const empty = { name: "x", mesh: { ep: 4 }, devices: ["v5p"], schedule: {}, emit: {} };
  const { findings, plan } = judge(empty as unknown as MoeSpec, real);
  expect(findings.length).toBeGreaterThan(0);
  expect(plan).toBeUndefined();
});
