/** A spec of several kinds of layers, taken apart: each kind's own spec. */
import type { LayersSpec } from "../spec/layers.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { brandLayer, layerOrigin } from "./brand.ts";

/** The spec of one kind alone, under the name of the whole; as many layers as it has are in the model. */
export function kindSpec(spec: LayersSpec, name: string): MoeSpec {
  const { layers, schedule: shared, ...common } = spec;
  const { at, layer, schedule = shared } = layers[name] ?? {};
  return { ...common, layer: counted(layer, at), schedule } as MoeSpec;
}

/** A layer as its config says it, but for how many there are. */
function counted(layer: unknown, at: unknown): unknown {
  const origin = layerOrigin(layer);
  if (origin === undefined || !Array.isArray(at)) return layer;
  return brandLayer({ ...(layer as object) }, { ...origin, layers: at.length });
}
