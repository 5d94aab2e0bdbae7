/** Layers as a user writes them, most of them legal. A field of the DSL without values is a type error. */
import fc from "fast-check";
import type {
  Activation,
  LayerInput,
  QuantizationInput,
  RenormEpsilon,
  RoutingInput,
  SharedExpertsInput,
  Wire,
} from "../../src/index.ts";
import { defined } from "../../src/spec/defined.ts";
import { activationsWith } from "../../src/spec/formats.ts";

/** An arbitrary for every field, the optional ones too. */
type Fields<T> = { readonly [K in keyof Required<T>]: fc.Arbitrary<Required<T>[K]> };

/** A record of all fields, of which those not `required` may be left out. */
function record<T extends object>(
  fields: Fields<T>,
  required: readonly (keyof T & string)[],
): fc.Arbitrary<T> {
  return fc.record(fields as never, { requiredKeys: required as never }) as fc.Arbitrary<T>;
}

/** Multiples of `step`, at least 128. */
const sizes = (step: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.ceil(128 / step), max: most }).map((count) => count * step);

type KernelRouting = Exclude<RoutingInput, { where: "given" }>;

const scored = record<KernelRouting>(
  {
    where: fc.constant("kernel"),
    scoring: fc.constantFrom("softmax", "sigmoid", "sqrt_softplus", "none"),
    renormalize: fc.boolean(),
    renormEpsilon: fc.constantFrom<RenormEpsilon>(
      ...[1e-20, 1e-6, 1, 2 ** -126],
      ...[{ atLeast: 1e-12 }, { atLeast: 1 }],
    ),
    scalingFactor: fc.constantFrom(1, 2.5, 16, 1e-7, 0.3333333333333333),
    logitSoftCap: fc.constantFrom(30, 0.5, 1e21),
    scoreChosen: fc.constant(true),
    scoreNear: fc.constantFrom(0.02, 1e-20),
    correctionBias: fc.constant(true),
    groups: fc.record({
      count: fc.constantFrom(1, 2, 4),
      kept: fc.constantFrom(1, 2),
      score: fc.constantFrom("max" as const, "sum_of_top_2" as const),
    }),
  },
  ["where", "scoring", "renormalize"],
);

/** An epsilon only where there is a sum to add it to. */
const kernelRouting = scored.map(({ renormEpsilon, ...rest }) =>
  rest.renormalize && renormEpsilon !== undefined ? { ...rest, renormEpsilon } : rest,
);

const routing: fc.Arbitrary<RoutingInput> = fc.oneof(
  { weight: 3, arbitrary: kernelRouting },
  { weight: 1, arbitrary: fc.constant({ where: "given" as const }) },
);

type AnyQuantization = Omit<QuantizationInput, "checkpoint">;
type WeightQuantization = Omit<AnyQuantization, "activations">;

const weightQuantization: Fields<WeightQuantization> = {
  weights: fc.constantFrom("float8_e4m3fn", "float8_e5m2", "int8", "float4_e2m1fn", "int4"),
  granularity: fc.oneof(
    fc.constantFrom("per_channel" as const, "blocks_128x128" as const),
    fc.constantFrom(32, 64, 256).map((block) => ({ kind: "sub_channel" as const, block })),
  ),
  scales: fc.constantFrom("float32", "bfloat16", "float8_e8m0fnu"),
};

const quantization = record<AnyQuantization>(
  { ...weightQuantization, activations: fc.constantFrom("int8", "float8_e4m3fn") },
  ["weights", "granularity"],
);

const wire = record<Wire>(
  { dispatch: fc.constantFrom("int8", "float8_e4m3fn"), combine: fc.constant("int8") },
  [],
);

const sharedExperts = record<SharedExpertsInput>(
  {
    count: fc.integer({ min: 1, max: 4 }),
    intermediate: sizes(128, 8),
    gate: fc.constant("sigmoid"),
    activation: fc.constantFrom<Activation>("silu", "gelu", { kind: "silu_clamped", limit: 7 }),
    quantization: fc.oneof(
      fc.constant("none" as const),
      record<WeightQuantization>(weightQuantization, ["weights", "granularity"]),
    ),
  },
  ["count", "intermediate"],
);

const fields: Fields<LayerInput> = {
  experts: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 32, 64)),
  topK: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(22, 32)),
  // Whole registers of lanes, whole packed words, and neither.
  hidden: fc.oneof(sizes(256, 16), sizes(128, 8), sizes(16, 40)),
  intermediate: fc.oneof(sizes(128, 12), sizes(16, 40)),
  activation: fc.oneof(
    fc.constantFrom("silu" as const, "gelu" as const, "gelu_erf" as const, "relu2" as const),
    fc.constantFrom("clamped_swiglu" as const, "silu_clamped" as const).map((kind) => ({
      kind,
      limit: 10,
    })),
    fc.constantFrom(
      { kind: "situ" as const, beta: 4, linearBeta: 25 },
      { kind: "situ" as const, beta: 0.5 },
    ),
    fc.record({
      kind: fc.constant("swigluoai" as const),
      alpha: fc.constantFrom(1.702, 1e-9, 1),
      limit: fc.constantFrom(7, 0.1),
    }),
  ),
  dtype: fc.constantFrom("bfloat16", "float32"),
  weights: fc.constantFrom("fused", "separate", "side_by_side", "up"),
  quantization,
  wire,
  biases: fc.constant(true),
  deterministic: fc.constant(true),
  scoreOn: fc.constant("input" as const),
  routing,
  sharedExperts,
  redundantExperts: fc.integer({ min: 1, max: 8 }),
  identityExperts: fc.integer({ min: 1, max: 40 }),
};

const REQUIRED = ["experts", "topK", "hidden", "intermediate", "activation", "routing"] as const;

/** `experts` counts those of one device. */
const localLayers = record<LayerInput>(fields, REQUIRED);

/** What the rules tie to the number of experts and to each other, made to agree. */
function agreed(routing: RoutingInput, experts: number, topK: number): RoutingInput {
  if (routing.where === "given") return routing;
  const { groups, scoreChosen, scoreNear, ...plain } = routing;
  if (routing.scoring === "softmax" && scoreNear !== undefined) {
    const { correctionBias: _, ...alone } = plain;
    return { ...alone, scoreNear };
  }
  const fits =
    groups !== undefined &&
    experts % groups.count === 0 &&
    groups.kept <= groups.count &&
    (experts / groups.count) * groups.kept >= topK;
  const scored = routing.scoring !== "none" && scoreChosen === true;
  return { ...plain, ...(fits ? { groups } : {}), ...(scored ? { scoreChosen } : {}) };
}

/** Rows of 8 bits are of the type that goes with the weights, where there is one. */
function quantizedFor(made: QuantizationInput, eight: number, strict: number): QuantizationInput {
  if (strict === 0) return made;
  const { activations, ...weights } = made;
  const rows = activationsWith({ scales: "float32", ...weights });
  const fits = activations !== undefined && rows !== undefined && eight === 1;
  return fits ? { ...weights, activations: rows } : weights;
}

/** Quantised otherwise where the routed experts are quantised. */
function sharedFor(
  made: SharedExpertsInput,
  quantized: boolean,
  strict: number,
): SharedExpertsInput {
  const { quantization: _, ...plain } = made;
  return quantized || strict === 0 ? made : plain;
}

/** Weights as the activation has them: up alone, with nothing of a gate, or a gate's beside. */
function gated(made: LayerInput): LayerInput {
  if (made.activation === "relu2") {
    const { biases: _, sharedExperts: __, ...plain } = made;
    return { ...plain, weights: "up" };
  }
  const { weights, ...plain } = made;
  return weights === undefined || weights === "up" ? plain : made;
}

/** Layers for `ep` devices; what the rules tie together agrees nine times of ten. */
export function layersFor(ep: number): fc.Arbitrary<LayerInput> {
  const luck = fc.record({ float: fc.nat(2), eight: fc.nat(3), strict: fc.nat(9) });
  return fc.tuple(localLayers, luck).map(([wild, { float, eight, strict }]) => {
    const made = strict === 0 ? wild : gated(wild);
    const {
      quantization,
      redundantExperts,
      identityExperts,
      dtype,
      deterministic,
      wire: rows,
      sharedExperts: shared,
      ...layer
    } = made;
    const experts = made.experts * ep;
    const topK = Math.min(made.topK, experts);
    const quantized = quantization !== undefined && float === 0;
    const routing = strict === 0 ? made.routing : agreed(made.routing, experts, topK);
    const wired = rows !== undefined && eight === 0 && (strict === 0 || ep > 1);
    const exact = deterministic !== undefined && eight === 1;
    const grouped = routing.where !== "given" && routing.groups !== undefined;
    const rounded = quantized && eight === 1;
    const identity = identityExperts !== undefined && !wired && !exact && !grouped && !rounded;
    const copies = strict === 0 || (!identity && routing.where === "given" && experts - topK > 8);
    return {
      ...layer,
      experts,
      topK,
      routing,
      ...(quantized ? { quantization: quantizedFor(quantization, eight, strict) } : {}),
      ...(wired ? { wire: rows } : {}),
      ...(exact ? { deterministic } : {}),
      ...(strict === 0 || identity ? defined({ identityExperts }) : {}),
      ...(shared === undefined ? {} : { sharedExperts: sharedFor(shared, quantized, strict) }),
      ...(dtype === undefined || ((quantized || wired) && strict > 0) ? {} : { dtype }),
      ...(redundantExperts !== undefined && copies ? { redundantExperts } : {}),
    };
  });
}
