/** Which layers of a model have experts. */
import { MOST_LAYERS } from "../spec/layers.ts";
import type { ConfigReader } from "./config.ts";
import { type Field, numberOf, statedName } from "./field.ts";

/** True where layer `index`, from 0, has experts. */
export type SparseRule = (config: ConfigReader) => (index: number) => boolean;

/** Dense layers before all others; then every `every`-th layer, counted from layer 0. */
export function afterDense(
  dense: number | Field<number>,
  every: number | Field<number>,
): SparseRule {
  return (config) => {
    const first = numberOf(config, "layers", dense);
    const step = numberOf(config, "layers", every);
    return (index) => index >= first && index % step === 0;
  };
}

/** Every layer after the first `count` ones. */
export const dense = (count: number | Field<number>): SparseRule => afterDense(count, 1);

/** Layers `step` - 1, 2 `step` - 1, …, but those named by `except`. */
export function stepped(step: Field<number>, except?: string): SparseRule {
  return (config) => {
    const size = numberOf(config, "layers", step);
    const left: unknown = except === undefined ? undefined : config.get(except);
    const list: readonly unknown[] = Array.isArray(left) ? left : [];
    return (index) => (index + 1) % size === 0 && !list.includes(index);
  };
}

/** One entry a layer, where a config writes them out: this counts before any rule. */
function listed(config: ConfigReader): readonly boolean[] | undefined {
  const name = statedName(config, ["mlp_layer_types", "moe_layer_freq"]);
  const list: unknown = name === undefined ? undefined : config.get(name);
  if (!Array.isArray(list)) return undefined;
  return list.map((one: unknown) =>
    typeof one === "string" ? one !== "dense" : one === 1 || one === true,
  );
}

/** Layers with experts, or undefined where the config does not say how deep the model is. */
export function sparseLayers(
  config: ConfigReader,
  rule: SparseRule = dense(0),
  depthField = "num_hidden_layers",
): readonly number[] | undefined {
  const depth = config.get(depthField);
  if (typeof depth !== "number") return undefined;
  const list = listed(config);
  const sparse = list === undefined ? rule(config) : (index: number) => list[index] === true;
  // Of such a depth no model is: it is not counted through, since a config may say any number.
  if (!(depth <= MOST_LAYERS)) {
    config.report({
      code: "MOE305",
      configField: depthField,
      message: `the config says ${depth} layers in ${depthField}, ${MOST_LAYERS} are the most`,
      nearest: [],
    });
    return undefined;
  }
  const layers = Array.from({ length: Math.max(0, depth) }, (_, index) => index).filter(sparse);
  return layers.length === 0 ? undefined : layers;
}
