import { MOST_LAYERS } from "../spec/layers.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { brandLayer, brandSpec, layerOrigin } from "./brand.ts";
import { fromHuggingFace, withAlike } from "./huggingface.ts";
import type { LayersInput, MoeInput } from "./input.ts";

type Dict = Record<string, unknown>;

function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Puts defaults under a value that should be an object; anything else is left for the checker. */
function withDefaults(defaults: Dict, value: unknown): unknown {
  return isDict(value) ? { ...defaults, ...withoutUndefined(value) } : value;
}

function withoutUndefined(value: Dict): Dict {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

function withScales(quantization: unknown): unknown {
  return isDict(quantization) ? withDefaults({ scales: "float32" }, quantization) : quantization;
}

/** Experts that weights lie for on `ep` devices, where they are to be filled up; else undefined. */
function heldBy(layer: Dict, mesh: unknown): number | undefined {
  const { experts } = layer;
  if (!isDict(mesh) || mesh.padExperts !== true) return undefined;
  const { ep } = mesh;
  const sizes = Number.isInteger(experts) && Number.isInteger(ep) && (ep as number) > 0;
  if (!sizes) return undefined;
  const held = Math.ceil((experts as number) / (ep as number)) * (ep as number);
  return held === experts ? undefined : held;
}

/** What `padExperts` asks for is told by a layer that it fills up; where it fills up none it stays. */
function meshOf(value: unknown, layers: readonly unknown[]): unknown {
  const named = isDict(value) && value.tpAxes !== undefined;
  const cut = isDict(value) && value.tp !== undefined && (value.tp !== 1 || named);
  const mesh = withDefaults(
    cut ? { axes: ["data"], tpAxes: ["tensor"] } : { axes: ["data", "tensor"] },
    value,
  );
  // One device has experts whole: the axes of `tp` are as any other of size 1.
  if (isDict(mesh) && mesh.tp === 1) {
    delete mesh.tp;
    if (Array.isArray(mesh.axes) && Array.isArray(mesh.tpAxes)) {
      mesh.axes = [...mesh.axes, ...mesh.tpAxes];
      delete mesh.tpAxes;
    }
  }
  const filled = layers.some((layer) => isDict(layer) && layer.heldExperts !== undefined);
  if (isDict(mesh) && mesh.padExperts === true && filled) delete mesh.padExperts;
  return mesh;
}

/** The layers of a spec's kinds. */
function layersIn(kinds: unknown): readonly unknown[] {
  return isDict(kinds)
    ? Object.values(kinds).map((kind) => (isDict(kind) ? kind.layer : undefined))
    : [];
}

function layerOf(value: unknown, mesh: unknown): unknown {
  const gateless = isDict(value) && value.activation === "relu2";
  const layer = withDefaults({ dtype: "bfloat16", weights: gateless ? "up" : "fused" }, value);
  if (!isDict(layer)) return layer;
  const routing = layer.routing;
  if (isDict(routing) && (routing.where ?? "kernel") === "kernel") {
    layer.routing = withDefaults({ where: "kernel", scalingFactor: 1 }, routing);
  }
  layer.quantization = withScales(layer.quantization);
  if (layer.quantization === undefined) delete layer.quantization;
  const { sharedExperts } = layer;
  if (isDict(sharedExperts) && isDict(sharedExperts.quantization)) {
    const quantization = withScales(sharedExperts.quantization);
    layer.sharedExperts = { ...sharedExperts, quantization };
  }
  const held = heldBy(layer, mesh);
  if (held !== undefined) layer.heldExperts = held;
  const origin = layerOrigin(value);
  return origin === undefined ? layer : brandLayer(layer, origin);
}

/** The indices that are meant; what says none is left for the checker. */
function indicesOf(at: unknown): unknown {
  if (!isDict(at)) return at;
  const { from, to, step = 1, ...others } = at;
  const numbers = [from, to, step].every((one) => Number.isSafeInteger(one));
  const [first, last, by] = [Number(from), Number(to), Number(step)];
  if (!numbers || by < 1 || first < 0 || last >= MOST_LAYERS) return at;
  // A name that is none is not left out silently.
  if (Object.keys(others).length > 0) return at;
  const count = Math.max(0, Math.floor((last - first) / by) + 1);
  return Array.from({ length: count }, (_, index) => first + index * by);
}

/** Kinds of layers, each as one layer is. */
function kindsOf(layers: unknown, mesh: unknown): unknown {
  if (!isDict(layers)) return layers;
  return Object.fromEntries(
    Object.entries(layers).map(([name, kind]) => [
      name,
      isDict(kind)
        ? {
            ...withoutUndefined(kind),
            at: indicesOf(kind.at),
            layer: layerOf(withAlike(kind.layer), mesh),
          }
        : kind,
    ]),
  );
}

/**
 * One fused MoE kernel, or one for each kind of a model's layers, described. Fills in the defaults that
 * the inputs name and freezes the result; it judges nothing: `moegen check` does, with positions in this
 * file. Of several kinds it is a `LayersSpec` (`layersOf` tells): with a signature for each an editor would
 * name an overload, not the value that is wrong.
 */
function makeSpec(input: MoeInput | LayersInput): MoeSpec {
  const raw: unknown = input;
  if (!isDict(raw)) return raw as MoeSpec;
  const said =
    raw.layers === undefined
      ? { layer: layerOf(raw.layer, raw.mesh) }
      : { layers: kindsOf(raw.layers, raw.mesh) };
  const spec = {
    ...withoutUndefined(raw),
    ...said,
    mesh: meshOf(raw.mesh, "layer" in said ? [said.layer] : layersIn(said.layers)),
    emit: withDefaults({ reference: true }, raw.emit ?? {}),
  };
  return deepFreeze(brandSpec(spec)) as unknown as MoeSpec;
}

export const moe = Object.assign(makeSpec, { fromHuggingFace });
