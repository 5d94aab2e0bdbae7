/** A row of the matrix as a spec and a call: small, so that a row costs seconds. */

import type { Schedules } from "../../lower/lower.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { type BucketSpec, bucketOptions } from "../../spec/schedule.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Row } from "./fields.ts";
import { withIdentity } from "./identity.ts";
import { layerOf } from "./layer.ts";
import { cutColumns, fewerExperts, heldRows, runCopies, shortPasses } from "./turns.ts";

/** A row made ready to run. */
export interface MatrixCall {
  readonly spec: MoeSpec;
  /** T, all devices together. */
  readonly tokens: number;
  /** Tiles that force several passes over the tokens. */
  readonly passes: boolean;
  /** ep lies over two axes of the mesh. */
  readonly split: boolean;
  readonly form: "plain" | "reversed" | "further";
  /** Names of the worker's cases. */
  readonly cases: readonly string[];
}

/** Routing that is not uniform: one kind a row, in turn. */
const SKEWED = ["hot-expert", "hot-device", "empty-experts", "ties"];

/**
 * How far weights run ahead, one kind a row, in turn: as the plan says, or named. Named early experts
 * start for any T, so that with few tokens some are read that have no rows.
 */
const AHEAD = [
  {},
  { slots: 2, early: 1 },
  {},
  { slots: 3, early: 2 },
  { slots: 5, early: 4 },
] as const;

/** Who routes, in turn. */
const ROUTES = ["all", "own", "auto"] as const;

/** T: one token; few that do not divide over the devices; more than one pass of 16 rows a device. */
function tokensOf({ tokens }: Row, devices: number): number {
  return { one: 1, odd: 6 * devices + 1, passes: 16 * devices + 3 }[tokens];
}

/**
 * Tiles of the axes that the schedule has: half of one or less where they are cut, else all of it;
 * two bodies of few rows, or one.
 */
function tilesOf(row: Row, layer: LayerSpec, schedule: Schedule): Omit<BucketSpec, "upTo"> {
  const cut = (axis: "bf" | "bd", size: number): Partial<BucketSpec> => {
    if (!schedule.axes.some(({ name }) => name === axis)) return {};
    if (row.tiles === "resident") return { [axis]: size };
    const { legal } = schedule.axisRule(layer, axis);
    return { [axis]: legal.filter((tile) => tile <= size / 2).at(-1) ?? size };
  };
  const [rows = 16] = schedule.axisRule(layer, "bt").legal;
  const bodies =
    layer.deterministic === true
      ? { bt: rows, btc: [rows] as const }
      : { bt: 2 * rows, btc: [rows, 2 * rows] as const };
  return { ...bodies, ...cut("bf", layer.intermediate), ...cut("bd", layer.hidden) };
}

/** Without the options that the schedule lacks. */
function having(bucket: BucketSpec, { options }: Schedule): BucketSpec {
  const lacks = bucketOptions.filter((option) => !options.includes(option));
  const kept = Object.entries(bucket).filter(([name]) => !lacks.some((lack) => lack === name));
  return Object.fromEntries(kept) as BucketSpec & object;
}

/** One that takes the weights, or whose chips lie as the transport says. */
function deviceFor({ quantization, transport }: Row): string {
  return quantization === "float4 rows" || transport === "pairs" ? "v7x" : "v6e";
}

const FORMS = {
  "one axis": "plain",
  "two axes": "plain",
  reversed: "reversed",
  "further axes": "further",
} as const;

/**
 * A row as a spec and a call of it.
 *
 * @throws RangeError where its schedule is none of these.
 */
export function callOf(row: Row, index: number, schedules: Schedules): MatrixCall {
  const schedule = schedules[row.schedule];
  if (schedule === undefined) throw new RangeError(`no schedule ${row.schedule}`);
  const whole = withIdentity(row, layerOf(row, index), schedule);
  const layer = { ...whole, ...(schedule.fillsUp === true ? fewerExperts(whole, row.ep) : {}) };
  const cut = cutColumns(row, layer, schedule, index);
  const { tp = 1 } = cut;
  const tokens = tokensOf(row, row.ep * tp);
  const one = row.mesh === "one axis";
  const tokenAxes = { all: undefined, first: ["data"], none: [] }[row.tokenAxes];
  const given = layer.routing.where === "given";
  // Two calls in a row find what the first leaves behind.
  const random = index % 2 === 0 ? "two-calls" : "uniform";
  const skewed = SKEWED[index % SKEWED.length] ?? "hot-expert";
  const exact = layer.deterministic === true ? ["alone"] : [];
  const rows = heldRows(row, layer, schedule, index);
  const bucket: BucketSpec = {
    upTo: Math.max(256, tokens),
    ...tilesOf(row, layer, schedule),
    // Early experts change the order in which a token's sum has its experts.
    ...(layer.deterministic === true ? {} : AHEAD[index % AHEAD.length]),
    transport: row.transport === "straight" ? "straight" : "by dimensions",
    ...(given || row.ep === 1 || rows !== "vmem"
      ? {}
      : { routes: ROUTES[index % ROUTES.length] ?? "auto" }),
    ...(rows === "vmem" ? {} : { rows }),
    ...shortPasses(layer, row.ep, rows, index),
    ...runCopies(rows, index),
  };
  return {
    spec: {
      name: `row_${String(index + 1).padStart(2, "0")}`,
      // Tiles are of what one device has.
      layer: { ...layer, intermediate: tp * layer.intermediate },
      mesh: {
        ep: row.ep,
        ...cut,
        axes: one ? ["expert"] : ["data", "tensor"],
        ...defined({ tokenAxes }),
      },
      devices: [deviceFor(row)],
      schedule: {
        kind: schedule.kind,
        tiles: { all: having(bucket, schedule) },
      },
      emit: { reference: true },
    },
    tokens,
    passes: row.tokens === "passes",
    split: !one,
    form: FORMS[row.mesh],
    cases: [
      random,
      "ids",
      skewed,
      ...exact,
      ...(layer.quantization?.scales === "float8_e8m0fnu" ? ["lost-scales"] : []),
      ...(given ? ["padding", "hostile-ids"] : ["hostile-logits"]),
    ],
  };
}
