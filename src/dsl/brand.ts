/**
 * Marks on spec values that JSON does not see. `Symbol.for`, because a spec may be loaded beside
 * another copy of this module (source next to build): both must know each other's values.
 */
import type { Code } from "../check/codes.ts";

const SPEC = Symbol.for("moegen.spec");
const ORIGIN = Symbol.for("moegen.layer-origin");

/** Something about a `config.json` that the checker must report; collected, never thrown. */
export interface LayerProblem {
  readonly code: Code;
  /** The config field at fault, e.g. "n_group". */
  readonly configField: string;
  readonly message: string;
  readonly nearest: readonly string[];
}

/** Where a layer's values came from when they were not written in the spec. */
export interface LayerOrigin {
  /** The first of the config's `architectures`; absent: it names none. */
  readonly architecture?: string;
  /** Layer field -> config.json field, for those that the config gave. */
  readonly fields: Readonly<Record<string, string>>;
  readonly problems: readonly LayerProblem[];
  /** Layers of this kind in the model. */
  readonly layers?: number;
  /** Indices of the model's layers with experts; absent: the config does not say how deep it is. */
  readonly sparse?: readonly number[];
  /** Those that are read as this one is. Absent: no layer was asked for, all are taken to be alike. */
  readonly alike?: readonly number[];
  /** The spec says nothing of quantisation: what lies beside the config may say something. */
  readonly askBeside?: true;
  /** What the layer's caller or its weights' loader must do for this model. */
  readonly notes?: readonly string[];
}

function mark<T extends object>(value: T, key: symbol, data: unknown): T {
  return Object.defineProperty(value, key, { value: data, enumerable: false });
}

function marked(value: unknown, key: symbol): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<symbol, unknown>)[key]
    : undefined;
}

/**
 * Marks a value as made by `moe()`: the same object, with a property that JSON and loops do not
 * see.
 */
export function brandSpec<T extends object>(spec: T): T {
  return mark(spec, SPEC, true);
}

/** Whether `moe()` made it, this copy's or another's. */
export function isSpec(value: unknown): boolean {
  return marked(value, SPEC) === true;
}

/** Marks a layer with where its values came from: the same object, as `brandSpec` does. */
export function brandLayer<T extends object>(layer: T, origin: LayerOrigin): T {
  return mark(layer, ORIGIN, origin);
}

/** Where a layer's values came from; undefined where they were written in the spec. */
export function layerOrigin(layer: unknown): LayerOrigin | undefined {
  return marked(layer, ORIGIN) as LayerOrigin | undefined;
}

/** Whose layer a spec is: as it says, else as its config does; undefined: neither says. */
export function architectureOf(spec: {
  readonly architecture?: string;
  readonly layer: unknown;
}): string | undefined {
  return spec.architecture ?? layerOrigin(spec.layer)?.architecture;
}

/** True where the config left sizes unknown: the layer's values mean nothing then. */
export function layerIncomplete(layer: unknown): boolean {
  return (layerOrigin(layer)?.problems ?? []).some(
    ({ code }) => code === "MOE301" || code === "MOE302",
  );
}
