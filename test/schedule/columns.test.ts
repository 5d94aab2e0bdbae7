/**
 * Experts whose columns are cut over devices (`mesh.tp`): what is refused, what one device has, and
 * results on simulated devices. By default one of those; `npm run test:long`: all.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { auto, type MoeInput, moe } from "../../src/index.ts";
import { adaptSpec } from "../../src/into/adapt.ts";
import { deviceWeights } from "../../src/lower/hbm.ts";
import { allOf } from "../../src/plan/call.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { layerOfParts, routingOfParts } from "../../src/predict/routing/columns.ts";
import { sampleRouting, Tally } from "../../src/predict/routing/sample.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import { devicesOf } from "../../src/spec/mesh.ts";
import { judgeCandidate } from "../../src/sweep/prepare.ts";
import type { CandidateId } from "../../src/sweep/record.ts";
import { trees } from "../../src/target/tree/registry.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { cutLayer as layer } from "./small-layer.ts";

function spec(mesh: object, more: object = {}, schedule: object = { kind: "gmm" }): MoeInput {
  const tiles = { small: { upTo: 64, bt: 64, bf: auto }, large: { upTo: 1024, bt: 128, bf: auto } };
  return {
    name: "cut",
    layer: { ...layer, ...more },
    mesh,
    devices: ["v7x"],
    schedule: { tiles, ...schedule },
  } as unknown as MoeInput;
}

const judged = (...given: Parameters<typeof spec>) => judge(moe(spec(...given)), registries);
const messages = (...given: Parameters<typeof spec>): string =>
  judged(...given)
    .findings.map(({ message }) => message)
    .join("; ");

function planOf(...given: Parameters<typeof spec>) {
  const { plan, findings } = judged(...given);
  if (plan === undefined) expect.unreachable(findings.map(({ message }) => message).join("; "));
  return plan;
}

describe("refused by name", () => {
  const group = { kind: "sub_channel", block: 256 } as const;
  const words = {
    weights: "float4_e2m1fn",
    granularity: { kind: "sub_channel", block: 32 },
    scales: "float8_e8m0fnu",
  };
  test.each([
    [
      "gate's and up's columns that lie side by side",
      2,
      { weights: "side_by_side" },
      "side_by_side",
    ],
    [
      "a part of a block of scales",
      8,
      { quantization: { weights: "int8", granularity: group } },
      "no whole blocks of 256",
    ],
    ["what does not divide", 3, {}, "does not divide intermediate = 1024"],
    [
      "columns whose exponents have no words",
      2,
      { intermediate: 384, quantization: words },
      "which have no words of exponents",
    ],
  ])("%s", (_what, tp, more, says) => {
    expect(messages({ ep: 1, tp }, more)).toContain(says);
  });

  test("by schedules whose devices have experts whole; auto leaves those out", () => {
    const tiles = { small: { upTo: 64, bt: 64, bf: auto, bd: auto } };
    for (const kind of ["gather", "runs"]) {
      expect(messages({ ep: 2, tp: 2 }, {}, { kind, tiles })).toContain(
        `tp = 2 with the schedule ${kind}`,
      );
    }
    const open = { kind: "auto", tiles: { small: { upTo: 64 } } };
    expect(planOf({ ep: 2, tp: 2 }, {}, open).schedule).toBe("gmm");
    const asked = { ...open, among: ["gather", "gmm"] };
    expect(messages({ ep: 2, tp: 2 }, {}, asked)).toContain("tp = 2 with the schedule gather");
    // What is in the way is tp, which is said in place of that no schedule can.
    expect(messages({ ep: 2, tp: 3 }, {}, open)).toMatch(/^tp = 3 does not divide intermediate/);
  });

  test("a tile that does not cut what one device has: F is said as the layer has it, too", () => {
    const tiles = { small: { upTo: 64, bt: 64, bf: 384 } };
    const { findings } = judged({ ep: 1, tp: 4 }, {}, { kind: "gmm", tiles });
    const [found] = findings;
    expect(findings.map(({ code }) => code)).toEqual(["MOE104"]);
    expect(found?.message).toMatch(/^bf = 384 does not divide F = \d+$/);
    expect(found?.rule).toMatch(/, F of \d+ over tp = 4$/);
    const swept = moe(spec({ ep: 1, tp: 4 }));
    const id = { bucket: "small", device: "v7x", tokens: 64, tiles: { bt: 64, bf: 384, bd: 1024 } };
    expect(judgeCandidate(swept, id as CandidateId).refused?.reason).toMatch(
      /^bf = 384: a tile divides F = 256 .*, F of 1024 over tp = 4$/,
    );
  });

  test("more devices than a slice has, and axes that are not apart", () => {
    expect(messages({ ep: 16, tp: 16 }, { intermediate: 4096 })).toContain(
      "ep = 16 times tp = 16 exceeds 128",
    );
    expect(messages({ ep: 2, tp: 2, axes: ["data", "tensor"] })).toBe(
      'mesh axis "tensor" is repeated: in axes and in tpAxes',
    );
    expect(messages({ ep: 2, tp: 2, tokenAxes: ["tensor", "data"] })).toContain(
      'comes before "tensor" in axes',
    );
  });
});

test.each(Object.values(trees))("$title refuses experts that are cut", (tree) => {
  const made = moe(spec({ ep: 2, tp: 2 }));
  expect(() => adaptSpec(tree, made, "a.moe.ts")).toThrow(/mesh\.tp: .*whole, not cut over 2/);
});

test("one device of tp is as none is said, and axes have names by default", () => {
  expect(planOf({ ep: 2, tp: 1 })).toEqual(planOf({ ep: 2 }));
  const named = { tpAxes: ["tensor"], tokenAxes: ["data", "tensor"] } as const;
  expect(planOf({ ep: 2, tp: 1, ...named })).toEqual(
    planOf({ ep: 2, axes: ["data", "tensor"], tokenAxes: named.tokenAxes }),
  );
  expect(planOf({ ep: 1, tp: 4 }).mesh).toEqual({
    ...{ ep: 1, axes: ["data"], tp: 4, tpAxes: ["tensor"], tokenAxes: ["data", "tensor"] },
  });
});

test("a device has a part of each expert, and no more of the call than the others", () => {
  const whole = planOf({ ep: 2 });
  const cut = planOf({ ep: 2, tp: 4 });
  const [before, kernel] = [whole.kernels[0], cut.kernels[0]];
  if (before === undefined || kernel === undefined) expect.unreachable("no kernel");
  expect(cut.localExperts).toBe(8);
  expect(kernel.tiles.bf).toBe(256);
  expect(kernel.traffic.flops).toBeCloseTo(before.traffic.flops / 4, 0);
  const bytes = (of: typeof kernel, name: string) =>
    allOf(of).streams.find((stream) => stream.name === name)?.bytes ?? Number.NaN;
  expect(bytes(kernel, "down_in")).toBeCloseTo(bytes(before, "down_in") / 4, 0);
  // Rows of an expert are whole on each of the devices that share it.
  expect(bytes(kernel, "rows_in")).toBe(bytes(before, "rows_in"));
  const gmm = scheduleOf("gmm");
  expect(deviceWeights(cut.layer, cut.mesh, gmm).total).toBe(
    deviceWeights(whole.layer, whole.mesh, gmm).total / 4,
  );
  expect(devicesOf(cut.mesh)).toBe(8);
});

test("arrays are cut along experts and along columns, scales and biases with them", async () => {
  const plan = planOf(
    { ep: 2, tp: 2 },
    {
      biases: true,
      sharedExperts: { count: 1, intermediate: 512 },
      quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
    },
  );
  const files = new Map(await emitPackage(plan));
  const kernel = (files.get("cut/kernel.py") ?? "").replace(/\s+/g, " ");
  const specs = /in_specs = \((.*?)\) arrays = /.exec(kernel)?.[1] ?? "";
  expect(
    specs
      .replace(/,? $/, "")
      .split(/, (?![^(]*\))/)
      .map((one) => one.trim()),
  ).toEqual([
    "by_token",
    // Gate and up, down, and their scales, which are rows by then.
    "P(EXPERT_AXES, None, None, COLUMN_AXES)",
    "P(EXPERT_AXES, COLUMN_AXES)",
    "P(EXPERT_AXES, None, None, None, COLUMN_AXES)",
    "P(EXPERT_AXES, COLUMN_AXES)",
    // Biases of gate and up, and of down: whole, and nought on all devices but the first.
    "P(EXPERT_AXES, None, COLUMN_AXES)",
    "P(EXPERT_AXES)",
    "by_token",
    // The shared experts' columns are cut over all devices.
    "P(None, MESH_AXES)",
    "P(MESH_AXES)",
    "P(None, MESH_AXES)",
    "P(None, None, MESH_AXES)",
    "P(MESH_AXES)",
    "P(None, None, MESH_AXES)",
  ]);
  expect(kernel).toContain("jnp.where(lax.axis_index(COLUMN_AXES) == 0, down_bias, 0.0)");
});

test("to the predictor a part of an expert is one: each device has rows of its experts' tokens", () => {
  const plan = planOf({ ep: 2, tp: 4 });
  const own = layerOf(plan);
  expect(own.intermediate).toBe(256);
  const routing = sampleRouting({
    ...{ tokens: 64, experts: 16, topK: 4, skew: { kind: "uniform" }, seed: 1 },
  });
  const parts = routingOfParts(routing, 2, 4);
  const tally = new Tally(parts, 8, 64);
  const whole = new Tally(routing, 2, 64);
  const rows = Array.from({ length: 8 }, (_, device) => tally.onDevice(0, device));
  expect(rows).toEqual([0, 0, 0, 0, 1, 1, 1, 1].map((device) => whole.onDevice(0, device)));
  expect(layerOfParts(own, 4)).toMatchObject({ experts: 64, topK: 16, intermediate: 256 });
});

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-columns-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const float8 = (granularity: string) => ({ weights: "float8_e4m3fn", granularity });
  const few = (weights: string) => ({ weights, granularity: { kind: "sub_channel", block: 32 } });
  const shared = { sharedExperts: { count: 1, intermediate: 512, gate: "sigmoid" } };
  const all: readonly (readonly [string, object, object])[] = [
    [
      "two by two, float8 by channel, biased",
      { ep: 2, tp: 2 },
      { biases: true, quantization: float8("per_channel") },
    ],
    ["one by two, separate", { ep: 1, tp: 2 }, { weights: "separate", biases: true }],
    [
      "one by four, float8 in blocks, shared experts",
      { ep: 1, tp: 4 },
      { ...shared, quantization: float8("blocks_128x128") },
    ],
    ["two by four, int4", { ep: 2, tp: 4 }, { quantization: few("int4") }],
    [
      "two by two over four axes, given, tokens over some",
      {
        ...{ ep: 2, tp: 2, axes: ["data", "outer"], tpAxes: ["tensor", "inner"] },
        tokenAxes: ["data"],
      },
      { routing: { where: "given" }, redundantExperts: 4, weights: "separate" },
    ],
    [
      "four by two, microscaled float4, identity experts",
      { ep: 4, tp: 2 },
      { identityExperts: 4, quantization: { ...few("float4_e2m1fn"), scales: "float8_e8m0fnu" } },
    ],
    ["one by two, columns that fill no lanes", { ep: 1, tp: 2 }, { intermediate: 2880 / 3 }],
  ];
  test.each(all.slice(0, long ? undefined : 1))("%s", async (_name, mesh, more) => {
    const file = join(folder, "cut.moe.ts");
    const written = JSON.stringify(spec(mesh, more));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const cases = long ? [] : ["--case", "uniform,hot-device,odd"];
    const ran = await moegen(["validate", file, ...cases, "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });
});
