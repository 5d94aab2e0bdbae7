/**
 * Every template of a package is one that some layer's parts choose or include: none is dead. And
 * templates alone have Python: contexts have names, numbers and prose.
 */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { LAYER_TEMPLATES } from "../../src/emit/layers.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { schedules } from "../../src/schedule/registry.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import { AUTO } from "../../src/spec/several.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { trees } from "../../src/target/tree/registry.ts";
import { fullSizeOf } from "../../src/validate/matrix/full-size.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";
import { callOf } from "../../src/validate/matrix/spec.ts";
import { randomPlans } from "../fuzz/plans.ts";
import { long } from "../long.ts";
import { renderedOf, templates } from "./parts.ts";

const channel = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;
const block = { kind: "sub_channel", block: 32 } as const;

/**
 * What no row is: quantised shared experts where D leaves lanes over, or where F does and gate and
 * up lie side by side, int8 rows that v7x widens, or that v6e multiplies without shared experts beside,
 * shared weights alone with small blocks, of so few columns that a device has them all, one device
 * without shared experts whatever its tiles, shared experts beside token rows in HBM, and softmax of a number of experts that fills no rows,
 * or of groups by their two best.
 */
function rareSpecs(specs: readonly MoeSpec[]): readonly MoeSpec[] {
  const ragged = specs.filter(({ layer }) => layer.sharedExperts && layer.hidden % 128 > 0);
  const wide = specs.filter(({ layer }) => layer.sharedExperts && layer.intermediate % 128 > 0);
  const rounded = specs.filter(({ layer }) => layer.quantization?.activations !== undefined);
  const shared = specs.filter(({ layer }) => layer.sharedExperts);
  const alone = specs.filter(({ mesh }) => mesh.ep === 1);
  return [
    ...alone.map((spec): MoeSpec => {
      const { sharedExperts: _, ...layer } = spec.layer;
      return { ...spec, layer };
    }),
    ...specs.flatMap((spec): readonly MoeSpec[] => {
      const { routing, experts } = spec.layer;
      if (routing.where !== "kernel") return [];
      const { correctionBias: _, scoreChosen: __, scoreNear: ___, ...plain } = routing;
      if (experts % 8 === 0 && plain.groups?.score !== "sum_of_top_2") return [];
      return [{ ...spec, layer: { ...spec.layer, routing: { ...plain, scoring: "softmax" } } }];
    }),
    ...ragged.flatMap((spec) =>
      [channel, { ...channel, granularity: block }].map((quantization) => {
        const { wire: _, ...layer } = spec.layer;
        return { ...spec, layer: { ...layer, dtype: "bfloat16" as const, quantization } };
      }),
    ),
    ...wide.map((spec): MoeSpec => {
      const { wire: _, ...layer } = spec.layer;
      const weights = "side_by_side";
      return { ...spec, layer: { ...layer, dtype: "bfloat16", weights, quantization: channel } };
    }),
    ...rounded.map((spec): MoeSpec => {
      const { wire: _, sharedExperts: __, ...layer } = spec.layer;
      const quantization = { ...channel, activations: "int8" as const };
      return { ...spec, devices: ["v6e"], layer: { ...layer, dtype: "bfloat16", quantization } };
    }),
    ...specs.flatMap((spec) => {
      const { wire: _, quantization: __, sharedExperts, ...layer } = spec.layer;
      if (sharedExperts === undefined) return [];
      const shared = { ...sharedExperts, quantization: { ...channel, granularity: block } };
      const weights = { dtype: "bfloat16" as const, quantization: channel };
      return [{ ...spec, layer: { ...layer, ...weights, sharedExperts: shared } }];
    }),
    ...shared.flatMap(({ schedule, ...spec }) =>
      ["hbm", "hbm with sums"].map((rows): MoeSpec => {
        const all = { ...schedule.tiles.all, rows } as BucketSpec;
        return { ...spec, schedule: { ...schedule, tiles: { all } } };
      }),
    ),
    ...shared.map((spec): MoeSpec => {
      const sharedExperts = { count: 1, intermediate: 128 };
      return { ...spec, layer: { ...spec.layer, sharedExperts } };
    }),
    ...alone.map(({ schedule, ...spec }): MoeSpec => {
      const compilerOptions = { xla_tpu_some: { value: true, because: "tested" } };
      const all = { ...schedule.tiles.all, compilerOptions } as BucketSpec;
      return { ...spec, schedule: { ...schedule, tiles: { all } } };
    }),
    ...rounded.map((spec): MoeSpec => {
      const { wire: _, ...layer } = spec.layer;
      const quantization = { ...channel, activations: "int8" as const };
      return { ...spec, devices: ["v7x"], layer: { ...layer, quantization } };
    }),
  ];
}

const [first] = Object.keys(schedules);
const rows = matrixRows(schedules, { all: true });
/** Of the schedule that has every feature. */
const specs = rows.flatMap((row, index) =>
  row.schedule === first
    ? [callOf(row, index, schedules).spec, fullSizeOf(row, index, schedules).spec]
    : [],
);
const ofOthers = rows.flatMap((row, index) =>
  row.schedule === first ? [] : [callOf(row, index, schedules).spec],
);
/** Rows of float32 in HBM that go by need: no row is of both. */
const heldByNeed = ofOthers
  .filter(({ layer, schedule }) => schedule.kind === "runs" && layer.dtype === "float32")
  .map(({ schedule, ...spec }): MoeSpec => {
    const { runRows: _, ...tiles } = schedule.tiles.all ?? {};
    const all = { ...tiles, rows: "hbm with sums" } as BucketSpec;
    return { ...spec, schedule: { ...schedule, tiles: { all } } };
  });
/** As one of several schedules: the modules that choose among them. */
function asSeveral(plan: Plan): Plan {
  const choice = { by: "spec", times: [] } as const;
  const kernels = plan.kernels.map((kernel) => ({ ...kernel, schedule: plan.schedule, choice }));
  return { ...plan, schedule: AUTO, kernels };
}

/** The same by the other schedules, without what they refuse: they name which fields those are. */
function otherwiseMade(spec: MoeSpec): readonly MoeSpec[] {
  return Object.values(schedules).flatMap((schedule) => {
    if (schedule.kind === spec.schedule.kind) return [];
    const refused: readonly string[] = schedule
      .layerProblems(spec.layer)
      .filter(({ nearest }) => nearest.length === 0)
      .map(({ field }) => field);
    const kept = Object.entries(spec.layer).filter(([name]) => !refused.includes(name));
    const layer = Object.fromEntries(kept) as MoeSpec["layer"] & object;
    const [bt = 16] = schedule.axisRule(layer, "bt").legal;
    const axes = schedule.axes.map(({ name }) => [name, schedule.axisRule(layer, name).legal[0]]);
    const tiles = { all: { upTo: 256, ...Object.fromEntries(axes), bt } };
    return [{ ...spec, layer, schedule: { kind: schedule.kind, tiles } }];
  });
}

/** As many have all that is rare; by other schedules again as many, which have fewer templates. */
const oneInThree = (_: unknown, index: number): boolean => index % 3 === 0;

const allRare = rareSpecs(specs);
const rare = long ? allRare : allRare.filter(oneInThree);
const single = [
  ...[
    ...specs,
    ...ofOthers,
    ...heldByNeed,
    ...rare,
    ...rare.filter(oneInThree).flatMap(otherwiseMade),
  ]
    .map((spec) => judge(spec, registries).plan)
    .filter((plan) => plan !== undefined),
  ...randomPlans(100, 15),
];
const plans = [...single, ...single.slice(0, 1).map(asSeveral)];

/** One of the kernel's references (`r.down_tiles`), a part of an array, a conversion. */
const EXPRESSION = /\br\.[a-z_]+|\.at\[|\.astype\(/;

/** All texts within a value, each with the way to it. */
function textsOf(value: unknown, way: string): readonly (readonly [string, string])[] {
  if (typeof value === "string") return [[way, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsOf(inner, `${way}.${key}`));
}

const found = new Set<string>(Object.values(LAYER_TEMPLATES));
const expressions = new Map<string, string>();
let texts = 0;
// Once for both tests: a context takes as long to make as its plan.
for (const plan of plans) {
  for (const { file, context, made } of renderedOf(plan)) {
    for (const name of made) found.add(name);
    for (const [way, text] of textsOf(context, file)) {
      texts += 1;
      if (EXPRESSION.test(text)) expressions.set(way, text);
    }
  }
}

test("every template is reached, and everything chosen is a template", () => {
  expect([...found].filter((name) => !templates.has(name))).toEqual([]);
  const own = [...templates.keys()].filter((name) => !((name.split("/")[0] ?? "") in trees));
  expect(own.filter((name) => !found.has(name))).toEqual([]);
});

test("no context holds a Python expression on the kernel's references", () => {
  expect(texts).toBeGreaterThan(1000);
  expect(Object.fromEntries(expressions)).toEqual({});
});
