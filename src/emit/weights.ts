/** Layouts of the expert weights: arguments, shapes and the copies that stream them. */
import { BLOCK, hasBlockColumns } from "../dsl/quantization.ts";
import type { LayerSpec, WeightLayout } from "../dsl/spec.ts";
import { pyTuple } from "./python.ts";
import {
  quantizationContext,
  scaleIndex,
  scaleInput,
  scaleName,
  scaleRef,
  scaleSizes,
} from "./quantization.ts";

interface WeightInput {
  readonly name: string;
  /** Name of the kernel's reference to it. */
  readonly ref: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

/** One copy of gate or up, or of both: where from, which part of the slot it fills. */
interface GateUpCopy {
  readonly ref: string;
  /** Index after the expert, for all of an expert's weights. */
  readonly whole: string;
  /** The same for one tile at `rows`, and `column` of F. */
  readonly tiled: string;
  /** Index into the slot: 0 gate, 1 up; empty: both. */
  readonly part: string;
}

/** An array argument beside the weights. */
interface ArrayInput {
  readonly name: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

interface LayoutTexts {
  readonly inputs: readonly WeightInput[];
  readonly copies: readonly GateUpCopy[];
  /** One expert's gate and up weights (D, F), for the reference. */
  readonly gate: string;
  readonly up: string;
  readonly biases: readonly ArrayInput[];
  /** One expert's gate and up biases (F,), for the reference. */
  readonly gateBias: string;
  readonly upBias: string;
}

const E = "NUM_EXPERTS";
const D = "HIDDEN_SIZE";
const F = "INTERMEDIATE_SIZE";
const S = "SHARED_INTERMEDIATE_SIZE";
const DOWN_BIAS: ArrayInput = { name: "b2", dims: [E, D], meaning: "bias of down" };
const DOWN: WeightInput = { name: "w2", ref: "down_weights", dims: [E, F, D], meaning: "down" };

const LAYOUTS: Readonly<Record<WeightLayout, LayoutTexts>> = {
  fused: {
    inputs: [
      { name: "w1", ref: "gate_up_weights", dims: [E, "2", D, F], meaning: "gate and up" },
      DOWN,
    ],
    copies: [{ ref: "gate_up_weights", whole: "", tiled: ":, rows, pl.ds(column, bf)", part: "" }],
    gate: "w1[expert, 0]",
    up: "w1[expert, 1]",
    biases: [{ name: "b1", dims: [E, "2", F], meaning: "biases of gate and up" }, DOWN_BIAS],
    gateBias: "b1[expert, 0]",
    upBias: "b1[expert, 1]",
  },
  separate: {
    inputs: [
      { name: "w1", ref: "gate_weights", dims: [E, D, F], meaning: "gate" },
      DOWN,
      { name: "w3", ref: "up_weights", dims: [E, D, F], meaning: "up" },
    ],
    copies: [
      { ref: "gate_weights", whole: "", tiled: "rows, pl.ds(column, bf)", part: ", 0" },
      { ref: "up_weights", whole: "", tiled: "rows, pl.ds(column, bf)", part: ", 1" },
    ],
    gate: "w1[expert]",
    up: "w3[expert]",
    biases: [
      { name: "b1", dims: [E, F], meaning: "bias of gate" },
      DOWN_BIAS,
      { name: "b3", dims: [E, F], meaning: "bias of up" },
    ],
    gateBias: "b1[expert]",
    upBias: "b3[expert]",
  },
  side_by_side: {
    inputs: [
      {
        name: "w1",
        ref: "gate_up_weights",
        dims: [E, D, `2 * ${F}`],
        meaning: "gate, then up columns",
      },
      DOWN,
    ],
    copies: [
      {
        ref: "gate_up_weights",
        whole: `, :, pl.ds(0, ${F})`,
        tiled: "rows, pl.ds(column, bf)",
        part: ", 0",
      },
      {
        ref: "gate_up_weights",
        whole: `, :, pl.ds(${F}, ${F})`,
        tiled: `rows, pl.ds(${F} + column, bf)`,
        part: ", 1",
      },
    ],
    gate: "w1[expert, :, :INTERMEDIATE]",
    up: "w1[expert, :, INTERMEDIATE:]",
    biases: [
      { name: "b1", dims: [E, `2 * ${F}`], meaning: "biases of gate, then of up" },
      DOWN_BIAS,
    ],
    gateBias: "b1[expert, :INTERMEDIATE]",
    upBias: "b1[expert, INTERMEDIATE:]",
  },
};

/** References that hold gate and up weights: sources of their stream. */
export function gateUpRefs(layout: WeightLayout): readonly string[] {
  return [...new Set(LAYOUTS[layout].copies.map(({ ref }) => ref))];
}

const LANES = 128;

/**
 * Copies that bring one gate and up tile. Where F does not fill lanes a tile has all of its
 * columns, and side by side the border between gate and up is nowhere a copy could end.
 */
export function gateUpCopies(
  layer: Pick<LayerSpec, "weights" | "intermediate">,
): readonly GateUpCopy[] {
  const { copies } = LAYOUTS[layer.weights];
  if (layer.intermediate % LANES === 0) return copies;
  if (layer.weights === "side_by_side") {
    return [{ ref: "gate_up_weights", whole: "", tiled: "rows", part: "" }];
  }
  return copies.map((copy) => ({ ...copy, tiled: copy.tiled.replace(", pl.ds(column, bf)", "") }));
}

/** S: the shared experts as one, their gate and up columns and down rows one after the other. */
export function sharedSize({ sharedExperts }: Pick<LayerSpec, "sharedExperts">): number {
  return sharedExperts === undefined ? 0 : sharedExperts.count * sharedExperts.intermediate;
}

/** An argument as templates say it: `shape` in the package's constants, `size` in figures. */
function described(layer: LayerSpec, { name, dims, meaning }: ArrayInput) {
  const axes: Readonly<Record<string, number>> = {
    [E]: layer.experts,
    [D]: layer.hidden,
    [F]: layer.intermediate,
    [`2 * ${F}`]: 2 * layer.intermediate,
    [S]: sharedSize(layer),
  };
  const { quantization } = layer;
  const sizes = quantization === undefined ? axes : { ...axes, ...scaleSizes(axes, quantization) };
  const size = pyTuple(dims.map((dim) => String(sizes[dim] ?? dim)));
  return { name, meaning, shape: pyTuple(dims), size };
}

/** An expression of the reference, with the layer's F in it. */
function sliced(text: string, layer: LayerSpec): string {
  return text.replace("INTERMEDIATE", String(layer.intermediate));
}

/** Scales of weight arrays, in their order; none where the weights are not quantised. */
function scalesOf<W extends ArrayInput>(layer: LayerSpec, weights: readonly W[]): readonly W[] {
  const { quantization } = layer;
  return quantization === undefined ? [] : weights.map((one) => scaleInput(one, quantization));
}

/** Copies of weights, and beside each what the copy of its scales says differently. */
function scaledCopies(layer: LayerSpec): readonly object[] {
  const { quantization } = layer;
  const copies = gateUpCopies(layer);
  if (quantization === undefined) return copies;
  return copies.map((copy) => ({
    ...copy,
    scaleRef: scaleRef(copy.ref),
    scaleWhole: scaleIndex(copy.whole, quantization),
    scaleTiled: scaleIndex(copy.tiled, quantization),
  }));
}

/** The scales of weights that an expression of the reference names. */
function scalesReference(text: string, layer: LayerSpec): string {
  const { quantization, intermediate } = layer;
  if (quantization === undefined) return "";
  const columns = hasBlockColumns(quantization) ? intermediate / BLOCK : intermediate;
  const [name = "", index = ""] = text.split("[");
  return `${scaleName(name)}[${index.replace(":, ", "..., ").replace("INTERMEDIATE", String(columns))}`;
}

export function weightsContext(layer: LayerSpec): Record<string, unknown> {
  const { inputs, gate, up } = LAYOUTS[layer.weights];
  return {
    ...quantizationContext(layer),
    scaleInputs: scalesOf(layer, inputs).map((input) => ({
      ref: scaleRef(input.ref),
      ...described(layer, input),
    })),
    quantizedArguments: [...inputs, ...(layer.sharedExperts === undefined ? [] : SHARED_WEIGHTS)]
      .map(({ name }) => name)
      .join(", "),
    gateScaleReference: scalesReference(gate, layer),
    upScaleReference: scalesReference(up, layer),
    weightArguments: inputs.map(({ name }) => name).join(", "),
    weightInputs: inputs.map((input) => ({ ref: input.ref, ...described(layer, input) })),
    gateUpCopies: scaledCopies(layer),
    gateReference: sliced(gate, layer),
    upReference: sliced(up, layer),
  };
}

function biasInputs(layer: LayerSpec): readonly ArrayInput[] {
  return layer.biases === true ? LAYOUTS[layer.weights].biases : [];
}

/** Biases as arguments, laid as the weights are: of any floating dtype, taken as float32. */
export function biasesContext(layer: LayerSpec): Record<string, unknown> {
  const { gateBias, upBias } = LAYOUTS[layer.weights];
  return {
    biases: layer.biases === true,
    biasInputs: biasInputs(layer).map((input) => described(layer, input)),
    gateBiasReference: sliced(gateBias, layer),
    upBiasReference: sliced(upBias, layer),
  };
}

const SHARED_WEIGHTS: readonly ArrayInput[] = [
  { name: "shared_w1", dims: [D, S], meaning: "gate of the shared experts" },
  { name: "shared_w2", dims: [S, D], meaning: "down of the shared experts" },
  { name: "shared_w3", dims: [D, S], meaning: "up of the shared experts" },
];
const SHARED_GATE: ArrayInput = {
  name: "shared_gate",
  dims: [D],
  meaning: "gate of the shared experts' result",
};

function sharedInputs(layer: LayerSpec): readonly ArrayInput[] {
  const { sharedExperts } = layer;
  if (sharedExperts === undefined) return [];
  const weights = [...SHARED_WEIGHTS, ...scalesOf(layer, SHARED_WEIGHTS)];
  return sharedExperts.gate === "sigmoid" ? [...weights, SHARED_GATE] : weights;
}

/** Weights of the shared experts, of the layer's dtype; their gate of any floating dtype. */
export function sharedContext(layer: LayerSpec): Record<string, unknown> {
  const inputs = sharedInputs(layer);
  return {
    sharedExperts: inputs.length > 0,
    sharedGated: inputs.includes(SHARED_GATE),
    sharedIntermediate: sharedSize(layer),
    sharedInputs: inputs.map((input) => described(layer, input)),
    sharedWeightInputs: inputs
      .filter((input) => SHARED_WEIGHTS.includes(input))
      .map((input) => described(layer, input)),
    sharedScaleInputs: (layer.sharedExperts === undefined
      ? []
      : scalesOf(layer, SHARED_WEIGHTS)
    ).map((input) => described(layer, input)),
  };
}

/** Names of all arrays after `tokens`, in the order of the arguments; `routing` as it is written. */
export function arrayArguments(layer: LayerSpec, routing: string): string {
  const names = (inputs: readonly ArrayInput[]): readonly string[] =>
    inputs.map(({ name }) => name);
  const { inputs } = LAYOUTS[layer.weights];
  const weights = [...inputs, ...scalesOf(layer, inputs), ...biasInputs(layer)];
  return [...names(weights), routing, ...names(sharedInputs(layer))].join(", ");
}
