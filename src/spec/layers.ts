/** Several kinds of layers of one model: each a layer of its own, with the indices that it has in the model. */
import { isDict } from "./dict.ts";
import type { LayerSpec } from "./layer.ts";
import type { ScheduleSpec } from "./schedule.ts";
import type { MoeSpec } from "./spec.ts";

/** Layers of one kind. */
export interface LayerKind {
  /** Indices in the model, from 0. */
  readonly at: readonly number[];
  readonly layer: LayerSpec;
  /** Absent: the spec's. */
  readonly schedule?: ScheduleSpec;
}

/** A spec of several kinds of layers. */
export interface LayersSpec extends Omit<MoeSpec, "layer" | "schedule"> {
  /** By the names of the kinds, which their folders in the package have. */
  readonly layers: Readonly<Record<string, LayerKind>>;
  /** Of kinds that have none of their own. */
  readonly schedule?: ScheduleSpec;
}

/** The most layers that a model has: an index is below it. */
export const MOST_LAYERS = 1000;

/** Whether it is the index of a layer. */
export function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_LAYERS;
}

/** A spec as one of several kinds of layers; undefined: it is of one layer. */
export function layersOf(spec: unknown): LayersSpec | undefined {
  return isDict(spec) && spec.layers !== undefined ? (spec as unknown as LayersSpec) : undefined;
}

/** Indices as a reader says them: "0 to 2, 5". Ascending. */
export function indicesText(at: readonly number[]): string {
  return stretches(at)
    .map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`))
    .join(", ");
}

/** Indices as a spec has them, ascending ones. */
export function indicesWritten(at: readonly number[]): string {
  const [first = 0, second = first + 1] = at;
  const step = second - first;
  const even = at.length > 2 && at.every((index, place) => index === first + place * step);
  if (!even) return `[${at.join(", ")}]`;
  return `{ from: ${first}, to: ${at.at(-1)}${step === 1 ? "" : `, step: ${step}`} }`;
}

/** Neighbouring indices together: the first and the last of each stretch, ascending. */
export function stretches(at: readonly number[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const index of at.toSorted((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && index === last[1] + 1) last[1] = index;
    else found.push([index, index]);
  }
  return found;
}
