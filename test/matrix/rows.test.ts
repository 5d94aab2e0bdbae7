/** The rows of the matrix: legal, few, and every two features meet. */
import { describe, expect, test } from "vitest";
import { judge } from "../../src/check/judge.ts";
import { scheduleOf, schedules } from "../../src/schedule/registry.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import { devices } from "../../src/target/device/registry.ts";
import { type Field, fields, MANY_DEVICES, type Row } from "../../src/validate/matrix/fields.ts";
import { canBe, isLegal, matrixRows } from "../../src/validate/matrix/rows.ts";
import { callOf } from "../../src/validate/matrix/spec.ts";

const names = Object.keys(fields) as readonly Field[];
const every = matrixRows(schedules);
const all = matrixRows(schedules, { all: true });
const [first, ...others] = Object.values(schedules).map(({ kind }) => kind);
/** Those of the schedule that has every feature. */
const rows = every.filter(({ schedule }) => schedule === first);

/** Pairs of values of two fields that no row has. */
function unmet(list: readonly Row[], a: Field, b: Field): readonly string[] {
  return fields[a].flatMap((x) =>
    fields[b].flatMap((y) => {
      const met = list.some((row) => row[a] === x && row[b] === y);
      return met ? [] : [`${a} ${x}, ${b} ${y}`];
    }),
  );
}

/** Pairs that mean nothing: written out, so that a constraint that forbids too much is seen. */
const IMPOSSIBLE = [
  // Up alone is what experts without a gate have, and nothing of one.
  ...fields.activation
    .filter((activation) => activation !== "relu2")
    .map((activation) => `activation ${activation}, weights up`),
  ...["fused", "separate", "side_by_side"].map((weights) => `activation relu2, weights ${weights}`),
  ...["biases yes", "shared plain", "shared gated"].flatMap((had) => [
    `activation relu2, ${had}`,
    `${had}, weights up`,
  ]),
  ...["plain", "int4 channels", "float8 blocks"].flatMap((shared) => [
    `activation relu2, sharedWeights ${shared}`,
    `weights up, sharedWeights ${shared}`,
  ]),
  ...["given", "given with copies"].flatMap((scoring) => [
    `scoring ${scoring}, placement chosen`,
    `scoring ${scoring}, renormalize yes`,
    `scoring ${scoring}, scaling 2.5`,
    `scoring ${scoring}, softCap 5`,
    `scoring ${scoring}, groups max`,
    `scoring ${scoring}, groups sum_of_top_2`,
    `scoring ${scoring}, correctionBias yes`,
  ]),
  "scoring none, placement chosen",
  // A softmax of the logits near one.
  ...["sigmoid", "sqrt_softplus", "none", "given", "given with copies"].map(
    (scoring) => `scoring ${scoring}, placement near`,
  ),
  ...["groups max", "groups sum_of_top_2"].map((grouped) => `placement near, ${grouped}`),
  "placement near, correctionBias yes",
  // Eight experts, or on 8 devices a quarter of them in a group, hold no 16.
  "topK 16, experts few",
  "mesh one axis, tokenAxes first",
  ...["float8 channels", "int8 blocks", "float8 rows", "int4 rows", "float4 rows"].map(
    (quantization) => `dtype float32, quantization ${quantization}`,
  ),
  "quantization int8 blocks, hidden 320",
  "quantization int8 blocks, intermediate 192",
  ...["plain", "int4 channels", "float8 blocks"].flatMap((weights) => [
    `shared none, sharedWeights ${weights}`,
    `quantization none, sharedWeights ${weights}`,
    `dtype float32, sharedWeights ${weights}`,
  ]),
  "sharedWeights float8 blocks, hidden 320",
  ...["none", "float8 rows", "int4 rows", "float4 rows"].map(
    (quantization) => `quantization ${quantization}, activations 8 bits`,
  ),
  "dtype float32, activations 8 bits",
  "activations 8 bits, hidden 320",
  ...["dispatch", "combine", "both"].flatMap((wire) => [
    `dtype float32, wire ${wire}`,
    `wire ${wire}, hidden 320`,
    `wire ${wire}, intermediate 192`,
    `ep 1, wire ${wire}`,
  ]),
  "activations 8 bits, intermediate 192",
  "ep 1, transport lines",
  "ep 1, transport pairs",
  "quantization float4 rows, transport lines",
  ...["shared plain", "shared gated", "deterministic yes"].map((had) => `${had}, rows hbm`),
  ...["plain", "int4 channels", "float8 blocks"].map((had) => `sharedWeights ${had}, rows hbm`),
];

test("every two values of two fields meet, but for pairs that mean nothing", () => {
  const missing = names.flatMap((a, index) =>
    names.slice(index + 1).flatMap((b) => unmet(rows, a, b)),
  );
  expect([...missing].sort()).toEqual([...IMPOSSIBLE].sort());
});

test("on 16 and on 32 devices every value is met", () => {
  for (const ep of MANY_DEVICES) {
    const here = all.filter((row) => row.ep === ep && row.schedule === first);
    for (const name of names.filter((field) => field !== "ep")) {
      const missing = fields[name].filter((value) => !here.some((row) => row[name] === value));
      // 16 experts on 16 devices are enough for top-16.
      expect(missing, `ep ${ep}, ${name}`).toEqual([]);
    }
  }
});

test("rows are legal, distinct, few and always the same", () => {
  expect(all.every((row) => isLegal(row))).toBe(true);
  expect(new Set(all.map((row) => JSON.stringify(row))).size).toBe(all.length);
  expect(rows.length).toBeLessThanOrEqual(64);
  expect(all.slice(0, every.length)).toEqual(every);
  expect(matrixRows(schedules)).toEqual(every);
});

const BY_TRANSPORT = ["transport lines", "transport pairs"];

/** What each other schedule refuses: written out, so that one value more or less is seen. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  gmm: [
    "scoreOn input",
    "activations 8 bits",
    "wire combine",
    "wire both",
    "deterministic yes",
    ...BY_TRANSPORT,
    "rows hbm",
  ],
  runs: BY_TRANSPORT,
};

describe.each(others)("%s", (kind) => {
  const own = every.filter(({ schedule }) => schedule === kind);

  test("has every weight format on 1, 2, 4 and 8 devices, and a row on 16 and on 32", () => {
    expect(unmet(own, "quantization", "ep")).toEqual([]);
    expect(own.length).toBeLessThanOrEqual(28);
    const many = all.filter(({ schedule, ep }) => schedule === kind && ep > 8);
    expect(many.map(({ ep }) => ep)).toEqual([...MANY_DEVICES]);
  });

  test("has every value but those that it refuses", () => {
    const missing = names.flatMap((name) =>
      fields[name]
        .filter((value) => !own.some((row) => row[name] === value))
        .map((value) => `${name} ${value}`),
    );
    expect(missing).toEqual(REFUSED[kind]);
  });
});

/** Where a spec says what a field is about. */
const PLACES: Readonly<Partial<Record<Field, string>>> = {
  scoreOn: "layer.scoreOn",
  shared: "layer.sharedExperts",
  sharedWeights: "layer.sharedExperts",
  activations: "layer.quantization",
  wire: "layer.wire",
  deterministic: "layer.deterministic",
  tiles: "schedule.tiles.all.bf",
  transport: "schedule.tiles.all.transport",
  rows: "schedule.tiles.all.rows",
};

const refused = Object.entries(REFUSED).flatMap(([kind, values]) =>
  values.map((value) => ({ kind, value })),
);

test.each(refused)("$kind has no row of $value: the checker refuses it there", (one) => {
  const { kind, value } = one;
  const name = names.find((field) => value.startsWith(`${field} `)) ?? "ep";
  const index = rows.findIndex((row) => value === `${name} ${row[name]}`);
  const row = rows[index];
  if (row === undefined) throw new Error(`no row has ${value}`);
  const { spec } = callOf(row, index, schedules);
  const place = PLACES[name] ?? "";
  // No tile or option but those that it has, and the one that is asked about.
  const kept = ["upTo", "bt", ...scheduleOf(kind).axes.map((axis) => axis.name)];
  const tiles = Object.entries(spec.schedule.tiles.all ?? {}).filter(
    ([key]) => kept.includes(key) || place === `schedule.tiles.all.${key}`,
  );
  const all = Object.fromEntries(tiles) as BucketSpec & object;
  const { findings } = judge(
    { ...spec, schedule: { kind, tiles: { all } } },
    { schedules, devices },
  );
  const places = findings.filter(({ severity }) => severity === "error").map(({ path }) => path);
  expect(places.map((path) => path.join("."))).toContainEqual(expect.stringContaining(place));
  expect(place).not.toBe("");
});

test("some rows have the shortest passes, some fewer experts than weights lie for", () => {
  const specs = rows.map((row, index) => callOf(row, index, schedules).spec);
  const short = specs.filter(({ schedule }) => schedule.tiles.all?.passTokens !== undefined);
  expect(short.length).toBeGreaterThanOrEqual(2);
  expect(specs.filter(({ layer }) => layer.heldExperts !== undefined).length).toBeGreaterThan(2);
});

test("a value that leads nowhere is known in time", () => {
  expect(canBe({ scoring: "given", renormalize: "yes" })).toBe(false);
  expect(canBe({ topK: 16, experts: "few" })).toBe(false);
  expect(canBe({ topK: 16, groups: "max" })).toBe(true);
});

/** Of gmm's, one with shared experts is for tiles alone, and F that fills no lanes is not cut. */
function isStreamed({ schedule, tiles, shared, intermediate }: Row): boolean {
  const streamed = tiles === "streamed";
  if (schedule !== "gmm") return streamed;
  return shared !== "none" || (streamed && intermediate % 128 === 0);
}

describe.each(all.map((row, index) => ({ index, row })))("row $index", ({ index, row }) => {
  test("is a spec that the checker accepts, with every feature that it names", () => {
    const call = callOf(row, index, schedules);
    const { findings, plan } = judge(call.spec, { schedules, devices });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(plan?.layer).toMatchObject({
      topK: row.topK,
      hidden: row.hidden,
      // What one of the devices that share an expert has.
      intermediate: (call.spec.mesh.tp ?? 1) * row.intermediate,
      dtype: row.dtype,
      weights: row.weights,
    });
    expect(plan?.layer.scoreOn === "input").toBe(row.scoreOn === "input");
    expect(plan?.layer.activation === "relu2").toBe(row.weights === "up");
    expect(plan?.layer.biases === true).toBe(row.biases === "yes");
    expect(plan?.layer.sharedExperts !== undefined).toBe(row.shared !== "none");
    expect(plan?.layer.redundantExperts !== undefined).toBe(row.scoring === "given with copies");
    expect(plan?.kernels.every(({ tiles }) => tiles.streamed)).toBe(isStreamed(row));
    expect(call.tokens % row.ep === 0).toBe(row.ep === 1);
  });
});
