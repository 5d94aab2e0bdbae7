/** A row of the matrix as a spec and a call: small, so that a row costs seconds. */

import type { Schedules } from "../../lower/lower.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { activationsWith } from "../../spec/formats.ts";
import type {
  Activation,
  LayerSpec,
  RenormEpsilon,
  RoutingSpec,
  SharedExperts,
} from "../../spec/layer.ts";
import type { Quantization } from "../../spec/quantization.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import { copiesOf, expertsOf, GROUPS, type Row } from "./fields.ts";
import { identityOf } from "./identity.ts";
import { fewerExperts, heldRows, shortPasses } from "./turns.ts";

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

const ACTIVATIONS: Readonly<Record<Row["activation"], Activation>> = {
  silu: "silu",
  gelu: "gelu",
  gelu_erf: "gelu_erf",
  // Low enough that values of variance 1 are clamped.
  clamped_swiglu: { kind: "clamped_swiglu", limit: 1 },
  silu_clamped: { kind: "silu_clamped", limit: 0.5 },
  swigluoai: { kind: "swigluoai", alpha: 1.702, limit: 1.5 },
  situ: { kind: "situ", beta: 1, linearBeta: 2 },
  relu2: "relu2",
};

/** One of each way that the kernel multiplies quantised weights. */
const QUANTIZATIONS: Readonly<Record<Exclude<Row["quantization"], "none">, Quantization>> = {
  "float8 channels": {
    weights: "float8_e4m3fn",
    granularity: "per_channel",
    scales: "float32",
    checkpoint: "nvfp4",
  },
  "int8 blocks": { weights: "int8", granularity: "blocks_128x128", scales: "bfloat16" },
  "float8 rows": {
    weights: "float8_e5m2",
    granularity: { kind: "sub_channel", block: 64 },
    scales: "float32",
  },
  "int4 rows": {
    weights: "int4",
    granularity: { kind: "sub_channel", block: 32 },
    scales: "bfloat16",
  },
  "float4 rows": {
    weights: "float4_e2m1fn",
    granularity: { kind: "sub_channel", block: 32 },
    scales: "float32",
  },
};

/** Of the shared experts' weights: as the routed ones', plain, and two of the other kinds. */
const SHARED: Readonly<
  Record<Exclude<Row["sharedWeights"], "same">, NonNullable<SharedExperts["quantization"]>>
> = {
  plain: "none",
  "int4 channels": { weights: "int4", granularity: "per_channel", scales: "float32" },
  "float8 blocks": {
    weights: "float8_e4m3fn",
    granularity: "blocks_128x128",
    scales: "bfloat16",
  },
};

function quantizationOf({ quantization, activations }: Row): Pick<LayerSpec, "quantization"> {
  if (quantization === "none") return {};
  const found = QUANTIZATIONS[quantization];
  const rows = activationsWith(found);
  if (activations === "none" || rows === undefined) return { quantization: found };
  return { quantization: { ...found, activations: rows } };
}

/** Token rows as float8, or as the activations are. */
function wireOf({ wire }: Row, layer: Pick<LayerSpec, "quantization">): Pick<LayerSpec, "wire"> {
  if (wire === "none") return {};
  const dispatch = layer.quantization?.activations ?? "float8_e4m3fn";
  return {
    wire: {
      ...(wire === "combine" ? {} : { dispatch }),
      ...(wire === "dispatch" ? {} : { combine: "int8" as const }),
    },
  };
}

/** Where all scores can underflow, or a bias alone choose what weighs nothing: as published. */
function epsilonOf({ scoring, correctionBias }: Row): { readonly renormEpsilon?: RenormEpsilon } {
  if (scoring === "sigmoid") return { renormEpsilon: 1e-20 };
  // Above the least root of a softplus.
  if (scoring === "sqrt_softplus") return { renormEpsilon: 1e-15 };
  const chosenApart = scoring === "softmax" && correctionBias === "yes";
  return chosenApart ? { renormEpsilon: { atLeast: 1e-12 } } : {};
}

function routingOf(row: Row): RoutingSpec {
  const { scoring, groups } = row;
  if (scoring === "given" || scoring === "given with copies") return { where: "given" };
  return {
    where: "kernel",
    scoring,
    renormalize: row.renormalize === "yes",
    ...(row.renormalize === "yes" ? epsilonOf(row) : {}),
    scalingFactor: row.scaling,
    ...(row.softCap === "none" ? {} : { logitSoftCap: row.softCap }),
    ...(row.placement === "chosen" ? { scoreChosen: true as const } : {}),
    // Of a few logits drawn about nought some are near, and some not.
    ...(row.placement === "near" ? { scoreNear: 0.5 } : {}),
    ...(groups === "none" ? {} : { groups: { ...GROUPS, score: groups } }),
    ...(row.correctionBias === "yes" ? { correctionBias: true as const } : {}),
  };
}

/** With a limit that many values reach, and that no routed expert has. */
const SHARED_ACTIVATION = { kind: "silu_clamped", limit: 0.125 } as const;

/** As many columns as the least tile; of a deterministic kernel on each device. */
function sharedSize({ deterministic, ep }: Row): Pick<SharedExperts, "count" | "intermediate"> {
  return { count: 2, intermediate: deterministic === "yes" ? Math.max(128, 64 * ep) : 128 };
}

function layerOf(row: Row, index: number): LayerSpec {
  const copies = copiesOf(row);
  const gate = {
    ...(row.shared === "gated" ? { gate: "sigmoid" as const } : {}),
    // Of their own in every other row: nothing is drawn anew.
    ...(index % 2 === 1 ? { activation: SHARED_ACTIVATION } : {}),
    ...(row.sharedWeights === "same" ? {} : { quantization: SHARED[row.sharedWeights] }),
  };
  return {
    experts: expertsOf(row),
    topK: row.topK,
    hidden: row.hidden,
    intermediate: row.intermediate,
    activation: ACTIVATIONS[row.activation],
    ...(row.scoreOn === "input" ? { scoreOn: row.scoreOn } : {}),
    dtype: row.dtype,
    weights: row.weights,
    routing: routingOf(row),
    ...quantizationOf(row),
    ...wireOf(row, quantizationOf(row)),
    ...(row.biases === "yes" ? { biases: true as const } : {}),
    ...(row.shared === "none" ? {} : { sharedExperts: { ...sharedSize(row), ...gate } }),
    ...(row.deterministic === "yes" ? { deterministic: true as const } : {}),
    ...(copies === 0 ? {} : { redundantExperts: copies }),
    ...identityOf(row),
  };
}

/** T: one token; few that do not divide over the devices; more than one pass of 16 rows a device. */
function tokensOf({ tokens, ep }: Row): number {
  return { one: 1, odd: 6 * ep + 1, passes: 16 * ep + 3 }[tokens];
}

/** Half of an axis or less where tiles are cut, else all of it; two bodies of few rows, or one. */
function tilesOf(row: Row, layer: LayerSpec, schedule: Schedule) {
  const cut = (axis: "bf" | "bd", size: number): number => {
    if (row.tiles === "resident") return size;
    const { legal } = schedule.axisRule(layer, axis);
    return legal.filter((tile) => tile <= size / 2).at(-1) ?? size;
  };
  const [rows = 16] = schedule.axisRule(layer, "bt").legal;
  const bodies =
    layer.deterministic === true
      ? { bt: rows, btc: [rows] as const }
      : { bt: 2 * rows, btc: [rows, 2 * rows] as const };
  return {
    ...bodies,
    bf: cut("bf", layer.intermediate),
    bd: cut("bd", layer.hidden),
  };
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
 * @throws RangeError where there is no schedule.
 */
export function callOf(row: Row, index: number, schedules: Schedules): MatrixCall {
  // The first: the one that has every feature.
  const [schedule] = Object.values(schedules);
  if (schedule === undefined) throw new RangeError("there is no schedule");
  const whole = layerOf(row, index);
  const layer = { ...whole, ...fewerExperts(whole, row.ep) };
  const tokens = tokensOf(row);
  const one = row.mesh === "one axis";
  const tokenAxes = { all: undefined, first: ["data"], none: [] }[row.tokenAxes];
  const given = layer.routing.where === "given";
  // Two calls in a row find what the first leaves behind.
  const random = index % 2 === 0 ? "two-calls" : "uniform";
  const skewed = SKEWED[index % SKEWED.length] ?? "hot-expert";
  const exact = layer.deterministic === true ? ["alone"] : [];
  const rows = heldRows(row, layer, index);
  return {
    spec: {
      name: `row_${String(index + 1).padStart(2, "0")}`,
      layer,
      mesh: {
        ep: row.ep,
        axes: one ? ["expert"] : ["data", "tensor"],
        ...defined({ tokenAxes }),
      },
      devices: [deviceFor(row)],
      schedule: {
        kind: schedule.kind,
        tiles: {
          all: {
            upTo: Math.max(256, tokens),
            ...tilesOf(row, layer, schedule),
            // Early experts change the order in which a token's sum has its experts.
            ...(layer.deterministic === true ? {} : AHEAD[index % AHEAD.length]),
            transport: row.transport === "straight" ? "straight" : "by dimensions",
            ...(given || row.ep === 1 || rows !== "vmem"
              ? {}
              : { routes: ROUTES[index % ROUTES.length] ?? "auto" }),
            ...(rows === "vmem" ? {} : { rows }),
            ...shortPasses(layer, row.ep, rows),
          },
        },
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
      ...(given ? ["padding", "hostile-ids"] : ["hostile-logits"]),
    ],
  };
}
