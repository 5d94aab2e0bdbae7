/** Which layers of a model have experts. */
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { depthOf, refuseLayers } from "./depth.ts";
import { type Field, statedName } from "./field.ts";
import { entriesOf, indicesOf, textIndicesOf, wholeOf } from "./layer-fields.ts";

/**
 * True where layer `index` of `depth`, from 0, has experts. What a config says wrong of it is reported,
 * and then the answer means nothing.
 */
export type SparseRule = (config: ConfigReader, depth: number) => (index: number) => boolean;

/** Names of the kinds of layers in `mlp_layer_types`, and whether they have experts. */
export type LayerTypes = Readonly<Record<string, boolean>>;

const TYPES = "mlp_layer_types";
const FREQUENCY = "moe_layer_freq";
const USUAL_TYPES: LayerTypes = { dense: false, sparse: true };
const FLAGS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [0, false],
  [1, true],
  [false, false],
  [true, true],
]);

/** Dense layers before all others; then every `every`-th layer, counted from layer 0. */
export function afterDense(
  dense: number | Field<number>,
  every: number | Field<number>,
): SparseRule {
  return (config, depth) => {
    const first = wholeOf(config, dense, 0, depth - 1);
    const step = wholeOf(config, every, 1, depth);
    if (every === 1) refuseFrequency(config);
    return (index) => index >= first && index % step === 0;
  };
}

/** A family whose code has no such field: a model of another frequency is none of it. */
function refuseFrequency(config: ConfigReader): void {
  const stated = config.get(FREQUENCY);
  if (stated === undefined || stated === 1) return;
  const message = `${FREQUENCY} is ${show(stated)}, which this architecture's code does not read`;
  refuseLayers(config, FREQUENCY, message, ["1"]);
}

/** Every layer after the first `count` ones. */
export const dense = (count: number | Field<number>): SparseRule => afterDense(count, 1);

/** Layers `step` - 1, 2 `step` - 1, …, but those named by `except`. */
export function stepped(step: Field<number>, except?: string): SparseRule {
  return (config, depth) => {
    const size = wholeOf(config, step, 1, depth);
    const left = except === undefined ? undefined : indicesOf(config, except, depth);
    return (index) => (index + 1) % size === 0 && left?.has(index) !== true;
  };
}

/** The layers that a config lists under `name`, else those of `rule`. */
export function enumerated(name: string, rule: SparseRule): SparseRule {
  return (config, depth) => {
    if (config.get(name) === undefined) return rule(config, depth);
    const layers = textIndicesOf(config, name, depth);
    return (index) => layers?.has(index) === true;
  };
}

/** One entry a layer, where a config writes them out: this counts before any rule. */
function listed(config: ConfigReader, types: LayerTypes): SparseRule | undefined {
  if (statedName(config, [TYPES]) !== undefined) {
    return (_, depth) => {
      const meaning = new Map<unknown, boolean>(Object.entries(types));
      const entries = entriesOf(config, TYPES, depth, meaning);
      return (index) => entries?.[index] === true;
    };
  }
  if (!Array.isArray(config.get(FREQUENCY))) return undefined;
  return (_, depth) => {
    const entries = entriesOf(config, FREQUENCY, depth, FLAGS);
    return (index) => entries?.[index] === true;
  };
}

/** What a family says of its layers. */
export interface LayerData {
  /** Default: every layer has experts. */
  readonly sparse?: SparseRule;
  /** The field that counts layers. Default: `num_hidden_layers`. */
  readonly depth?: string;
  /** Names that its `mlp_layer_types` has. Default: "dense" and "sparse". */
  readonly layerTypes?: LayerTypes;
}

/**
 * Layers with experts. Undefined: the config does not say how deep the model is, or what it says of its
 * layers is reported as MOE305.
 */
export function sparseLayers(
  config: ConfigReader,
  { sparse = dense(0), depth: depthField, layerTypes = USUAL_TYPES }: LayerData,
): readonly number[] | undefined {
  const depth = depthOf(config, depthField);
  if (depth === undefined) return undefined;
  const before = config.problems.length;
  const rule = listed(config, layerTypes) ?? sparse;
  const layers = Array.from({ length: depth }, (_, index) => index).filter(rule(config, depth));
  if (config.problems.length > before) return undefined;
  if (layers.length > 0) return layers;
  const name = depthField ?? "num_hidden_layers";
  refuseLayers(config, name, `none of the config's ${depth} layers has experts`);
  return undefined;
}
