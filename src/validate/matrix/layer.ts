/** A row's layer: small, so that a row costs seconds. */
import { activationsWith } from "../../spec/formats.ts";
import type {
  Activation,
  LayerSpec,
  RenormEpsilon,
  RoutingSpec,
  SharedExperts,
} from "../../spec/layer.ts";
import type { Quantization } from "../../spec/quantization.ts";
import { copiesOf, expertsOf, GROUPS, type Row } from "./fields.ts";

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

/** Whether exponents lie in words (MOE165). */
function wordsFit({ hidden, intermediate, weights, shared, sharedWeights }: Row): boolean {
  const filled = hidden % 128 === 0;
  const alike = shared !== "none" && sharedWeights === "same";
  const apart = weights !== "side_by_side" && !alike;
  return filled === (intermediate % 128 === 0) && (filled || apart);
}

function quantizationOf(row: Row): Pick<LayerSpec, "quantization"> {
  const { quantization, activations } = row;
  if (quantization === "none") return {};
  const given = QUANTIZATIONS[quantization];
  const exponents = quantization === "float4 rows" && wordsFit(row);
  const found: Quantization = exponents ? { ...given, scales: "float8_e8m0fnu" } : given;
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

/** The layer of a row; `index` tells rows apart in what they have in turn. */
export function layerOf(row: Row, index: number): LayerSpec {
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
  };
}
