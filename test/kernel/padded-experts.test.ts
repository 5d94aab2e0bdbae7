/** Experts of zero weights that fill up the last devices: what a spec says, and what its plan then is. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { moe } from "../../src/index.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { sampleRouting, Tally } from "../../src/predict/routing/sample.ts";
import { scaleSpec } from "../../src/validate/scale.ts";

/** Qwen1.5-MoE-A2.7B's experts. */
function specOf(experts: number, mesh: { readonly ep: number; readonly padExperts?: true }) {
  return moe({
    name: "padded",
    layer: {
      experts,
      topK: 4,
      hidden: 2048,
      intermediate: 1408,
      activation: "silu",
      routing: { scoring: "softmax", renormalize: false },
    },
    mesh,
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: { all: { upTo: 256, bt: 64, bf: 1408, bd: 2048 } } },
  });
}

function planOf(experts: number, ep: number): Plan {
  const { plan, findings } = judge(specOf(experts, { ep, padExperts: true }), registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

test("60 experts over 8 devices: weights of 64, logits of 60", async () => {
  const plan = planOf(60, 8);
  expect([plan.layer.experts, plan.layer.heldExperts, plan.localExperts]).toEqual([60, 64, 8]);
  const files = await emitPackage(plan);
  const shapes = files.get("padded/shapes.py");
  expect(shapes).toMatch(/^NUM_EXPERTS = 60$/m);
  expect(shapes).toMatch(/^HELD_EXPERTS = 64$/m);
  expect(shapes).toMatch(/^LOCAL_EXPERTS = 8$/m);
  const kernel = files.get("padded/kernel.py");
  expect(kernel).toContain('"w2", w2, (HELD_EXPERTS, INTERMEDIATE_SIZE, HIDDEN_SIZE)');
  expect(kernel).toContain('"gating_output", gating_output, (num_tokens, NUM_EXPERTS)');
  expect(files.get("padded/padding.py")).toContain("def pad_experts");
});

test("devices without an expert are told, with the next ep that leaves none", () => {
  const { findings } = judge(specOf(9, { ep: 8, padExperts: true }), registries);
  expect(findings).toMatchObject([
    {
      code: "MOE147",
      severity: "warning",
      message: "3 of 8 devices have no expert: 9 experts fill 5 with 2 each",
      nearest: [5],
    },
  ]);
});

test("where ep divides the experts nothing is filled up", async () => {
  const plan = planOf(64, 8);
  expect(plan.layer.heldExperts).toBeUndefined();
  expect([...(await emitPackage(plan)).keys()]).not.toContain("padded/padding.py");
});

test("none starts before it is known who has rows, where a device has none that tokens go to", () => {
  const early = ({ kernels }: Plan) => kernels[0]?.tiles.own.early;
  expect(early(planOf(64, 8))).toBeGreaterThan(0);
  // Two a device: the last four devices have none.
  expect(early(planOf(24, 16))).toBe(0);
});

test("a scaled spec has them too, on the last device alone or on others as well", () => {
  const scaled = (experts: number, ep: number) =>
    scaleSpec(planOf(experts, ep), registries.schedules.gather!, 8).spec.layer;
  expect(scaled(60, 8)).toMatchObject({ experts: 22, heldExperts: 24 });
  expect(scaled(24, 16)).toMatchObject({ experts: 20, heldExperts: 24 });
});

test("routing that is drawn has no rows beyond the last expert", () => {
  const routing = sampleRouting({
    ...{ tokens: 64, experts: 10, topK: 2, seed: 0 },
    skew: { kind: "balanced" },
  });
  const tally = new Tally(routing, 8, 64);
  const rows = Array.from({ length: 8 }, (_, device) => tally.onDevice(0, device));
  expect(rows.reduce((sum, one) => sum + one, 0)).toBe(128);
  expect(rows.slice(5)).toEqual([0, 0, 0]);
  expect(tally.active(0, 5)).toEqual([]);
});

test("what they do not serve is refused by name", () => {
  const padded = specOf(60, { ep: 8, padExperts: true });
  const said = (layer: object) =>
    judge({ ...padded, layer: { ...padded.layer, ...layer } }, registries).findings.map(
      ({ code, message }) => `${code} ${message}`,
    );
  expect(said({ routing: { where: "given" } })).toContain(
    "MOE146 padExperts with experts that are given",
  );
  expect(said({ wire: { combine: "int8" } })).toEqual([]);
  // What `padExperts` fills in is nobody's to name: neither another count nor one that fills up nothing.
  expect(said({ heldExperts: 72 })).toEqual([
    "MOE146 heldExperts = 72, where padExperts fills up to 64",
  ]);
  expect(said({ experts: 64, heldExperts: 64 })).toEqual([
    "MOE146 heldExperts = 64, where padExperts fills up to 64",
  ]);
});
