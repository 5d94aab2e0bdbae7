/** Layouts of the expert weights: arguments, shapes and the copies that stream them. */

import { pyTuple } from "../../emit/python.ts";
import {
  BLOCK,
  hasBlockColumns,
  heldExperts,
  sharedApart,
  sharedLayer,
} from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { type ArrayInput, D, E, F, LAYOUTS, S, slicesOf, type WeightInput } from "./layouts.ts";
import {
  quantizationContext,
  scaleInput,
  scaleRef,
  scaleSizes,
  sharedQuantizationContext,
} from "./quantization.ts";
import { ALL_COLUMNS, expertSpec, expertSpecText, kernelDims } from "./sharding.ts";

/** S: the shared experts as one, their gate and up columns and down rows one after the other. */
export function sharedSize({ sharedExperts }: Pick<LayerSpec, "sharedExperts">): number {
  return sharedExperts === undefined ? 0 : sharedExperts.count * sharedExperts.intermediate;
}

const HELD = "HELD_EXPERTS";

/** Name of the number of experts that weights lie for. */
function heldName({ heldExperts: held }: Pick<LayerSpec, "heldExperts">): string {
  return held === undefined ? E : HELD;
}

/**
 * An argument as templates say it: `shape` in the package's constants, `size` in figures, `spec` how
 * it is sharded where it is a routed expert's. `tp`: devices that share each expert's columns.
 */
function described(layer: LayerSpec, { name, dims, meaning }: ArrayInput, tp?: number) {
  const axes: Readonly<Record<string, number>> = {
    [E]: layer.experts,
    [HELD]: heldExperts(layer),
    [D]: layer.hidden,
    [F]: layer.intermediate,
    [`2 * ${F}`]: 2 * layer.intermediate,
    [S]: sharedSize(layer),
  };
  const { quantization } = layer;
  const sizes =
    quantization === undefined
      ? axes
      : { ...axes, ...scaleSizes(axes, { ...layer, quantization }) };
  // Weights lie for all experts of all devices.
  const held = dims.map((dim) => (dim === E ? heldName(layer) : dim));
  const size = pyTuple(held.map((dim) => String(sizes[dim] ?? dim)));
  const all = tp === undefined ? held : held.map((dim) => dim.replace(F, ALL_COLUMNS));
  const sharding = { spec: expertSpec(dims, tp), sharded: expertSpecText(dims, tp) };
  return { name, meaning, shape: pyTuple(all), size, ...sharding };
}

/** Scales of weight arrays, in their order; none where the weights are not quantised. */
function scalesOf<W extends ArrayInput>(layer: LayerSpec, weights: readonly W[]): readonly W[] {
  const { quantization } = layer;
  return quantization === undefined
    ? []
    : weights.map((one) => scaleInput(one, { ...layer, quantization }));
}

/** One expert's gate and up in the reference. */
function expertSlices({ weights, quantization, intermediate }: LayerSpec) {
  const blocks = quantization !== undefined && hasBlockColumns(quantization);
  const columns = blocks ? intermediate / BLOCK : intermediate;
  const [gateSlice, upSlice] = slicesOf(weights, intermediate, columns);
  return { gateSlice, upSlice };
}

/** The weight arrays as arguments, references and copies. */
export function weightsContext(layer: LayerSpec, tp?: number): Record<string, unknown> {
  const { inputs } = LAYOUTS[layer.weights];
  return {
    ...quantizationContext(layer),
    heldName: heldName(layer),
    ...(layer.heldExperts === undefined ? {} : { heldExperts: layer.heldExperts }),
    scaleInputs: scalesOf(layer, inputs).map((input) => ({
      ref: scaleRef(input.ref),
      ...described(layer, input, tp),
    })),
    quantizedArguments: [...inputs, ...(layer.sharedExperts === undefined ? [] : SHARED_WEIGHTS)]
      .map(({ name }) => name)
      .join(", "),
    weightInputs: inputs.map((input) => ({ ref: input.ref, ...described(layer, input, tp) })),
    ...expertSlices(layer),
  };
}

/** Partition specs of the routed experts' weights and scales as the kernel takes them, in their order. */
export function weightSpecs(layer: LayerSpec, tp: number | undefined): readonly string[] {
  const { inputs } = LAYOUTS[layer.weights];
  const dims = [...inputs, ...scalesOf(layer, inputs)].map((input) => kernelDims(input, layer));
  return dims.map((of) => expertSpec(of, tp));
}

/** The same of their biases: gate's and up's as one, and down's. */
export function biasSpecs(layer: LayerSpec, tp: number | undefined): readonly string[] {
  return layer.biases === true
    ? [
        [E, "2", F],
        [E, D],
      ].map((of) => expertSpec(of, tp))
    : [];
}

function biasInputs(layer: LayerSpec): readonly ArrayInput[] {
  return layer.biases === true ? LAYOUTS[layer.weights].biases : [];
}

/** Biases as arguments, laid as the weights are: of any floating dtype, taken as float32. */
export function biasesContext(layer: LayerSpec, tp?: number): Record<string, unknown> {
  return {
    biases: layer.biases === true,
    biasInputs: biasInputs(layer).map((input) => described(layer, input, tp)),
  };
}

const SHARED_WEIGHTS: readonly WeightInput[] = [
  {
    name: "shared_w1",
    ref: "shared_gate_weights",
    dims: [D, S],
    meaning: "gate of the shared experts",
  },
  {
    name: "shared_w2",
    ref: "shared_down_weights",
    dims: [S, D],
    meaning: "down of the shared experts",
  },
  {
    name: "shared_w3",
    ref: "shared_up_weights",
    dims: [D, S],
    meaning: "up of the shared experts",
  },
];
const SHARED_GATE: WeightInput = {
  name: "shared_gate",
  ref: "shared_gate",
  dims: [D],
  meaning: "gate of the shared experts' result",
};

function sharedInputs(layer: LayerSpec): readonly WeightInput[] {
  const { sharedExperts } = layer;
  if (sharedExperts === undefined) return [];
  const scales = scalesOf(sharedLayer(layer), SHARED_WEIGHTS);
  const weights = [...SHARED_WEIGHTS, ...scales.map((one) => ({ ...one, ref: scaleRef(one.ref) }))];
  return sharedExperts.gate === "sigmoid" ? [...weights, SHARED_GATE] : weights;
}

/** Weights of the shared experts, of the layer's dtype; their gate of any floating dtype. */
export function sharedContext(layer: LayerSpec): Record<string, unknown> {
  const inputs = sharedInputs(layer);
  const own = sharedLayer(layer);
  return {
    sharedExperts: inputs.length > 0,
    ...sharedQuantizationContext(layer),
    sharedGated: inputs.includes(SHARED_GATE),
    sharedIntermediate: sharedSize(layer),
    sharedInputs: inputs.map((input) => {
      const found = { ref: input.ref, ...described(own, input) };
      // The routed experts' constants are others.
      const shape = found.shape.replaceAll("SCALE_BLOCK", "SHARED_SCALE_BLOCK");
      return sharedApart(layer) ? { ...found, shape } : found;
    }),
    sharedScaleInputs: inputs.filter(({ name }) => name.endsWith("_scale")),
    sharedWeightInputs: inputs
      .filter((input) => SHARED_WEIGHTS.includes(input))
      .map((input) => described(own, input)),
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
