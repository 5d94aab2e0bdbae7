/** What the feed-forward asks of a layer and of tiles; knows nothing of VMEM. */

import { divisors } from "../../plan/divisors.ts";
import type { AxisRule, Schedule, TileAxis } from "../../schedule/schedule.ts";
import { packedRows, sharedLayer, tokenRows } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import {
  axisUnit,
  fillsLanes,
  hiddenRows,
  LANES,
  type Layer,
  narrowRows,
  paddedHidden,
  roundUp,
  tileUnit,
} from "../rows/layout.ts";

/** Most rows of one feed-forward body: above, a body's code outgrows what it saves. */
const MOST_ROWS = 512;
/** Rows of a bfloat16 tile; float32 keeps the same so that one rule serves both. */
export const ROW_MULTIPLE = 16;

/** Least rows of an operand: one tile of its type. */
export function rowMultiple(layer: Pick<LayerSpec, "quantization" | "wire">): 16 | 32 {
  return tokenRows(layer) === undefined ? ROW_MULTIPLE : 32;
}

/** Divisors of `size` that are multiples of `multiple`. */
export function cuts(size: number, multiple: number): readonly number[] {
  return size % multiple === 0 ? divisors(size / multiple).map((n) => n * multiple) : [];
}

/** Least columns of the shared experts' weight tiles, which are no wider than the routed ones. */
function leastSharedTile(layer: Pick<Layer, "quantization" | "sharedExperts">): number {
  return layer.sharedExperts === undefined ? LANES : tileUnit(sharedLayer(layer));
}

/** Whether any bucket's weight tiles are a part of the hidden axis: then products of tiles add up. */
export function cutsHidden(
  { hidden }: Pick<LayerSpec, "hidden">,
  kernels: readonly { readonly tiles: { readonly bd: number } }[],
): boolean {
  return kernels.some(({ tiles }) => tiles.bd < hidden);
}

/** Legal tiles of one axis, by divisibility and alignment alone. */
export function axisRule(layer: Layer, axis: TileAxis): AxisRule {
  if (axis !== "bt") {
    const size = axis === "bf" ? layer.intermediate : layer.hidden;
    const name = axis === "bf" ? "F" : "D";
    if (axis === "bf" && layer.quantization?.activations !== undefined) {
      return {
        text: `is F = ${size}: one scale of an activated row is for all of it`,
        legal: [size],
      };
    }
    const unit = axisUnit(layer, axis, size);
    const least = axis === "bf" ? leastSharedTile(layer) : LANES;
    const legal = cuts(size, unit).filter((tile) => tile >= least);
    const shared =
      least > Math.max(unit, LANES) ? ", whole blocks of the shared experts' scales" : "";
    if (fillsLanes(size)) {
      const why = unit === LANES ? "" : `, in whole blocks of scales: of ${unit}`;
      const most = shared === "" ? "" : `, at least ${least}${shared}`;
      return {
        text: `divides ${name} = ${size} and is a multiple of ${LANES} lanes${why}${most}`,
        legal,
      };
    }
    const text = `divides ${name} = ${size} into rows, a multiple of ${unit} and at least ${least}${shared}`;
    if (axis === "bf") return { text, legal };
    // Each tile's columns of a token row fill whole vector registers: a row has room for so many.
    const room = paddedHidden(layer);
    const fits = (tile: number): boolean => (size / tile) * roundUp(tile, LANES) <= room;
    return { text: `${text}, few enough for a row of ${room} columns`, legal: legal.filter(fits) };
  }
  const legal: number[] = [];
  const multiple = rowMultiple(layer);
  for (let rows: number = multiple; rows <= MOST_ROWS; rows += multiple) legal.push(rows);
  const why = multiple === ROW_MULTIPLE ? "" : " of 8 bits";
  return { text: `is a multiple of ${multiple} rows${why}, at most ${MOST_ROWS}`, legal };
}

/**
 * What keeps a layer's hidden and intermediate sizes from filling whole tiles of the TPU's memory,
 * with the nearest sizes that do; empty where nothing does.
 */
export const layerProblems: Schedule["layerProblems"] = (layer) => {
  const problems: ReturnType<Schedule["layerProblems"]>[number][] = [];
  const need = (field: "hidden" | "intermediate", why: string): void => {
    const value = layer[field];
    const plain = field === "hidden" ? hiddenRows(layer) : packedRows(layer);
    const narrow = narrowRows(layer);
    const multiple = narrow ? LANES : plain;
    if (value % multiple === 0 && value >= LANES) return;
    const below = Math.floor(value / multiple) * multiple;
    problems.push({
      field,
      message:
        value < LANES
          ? `${field} = ${value} is less than ${LANES} lanes`
          : `${field} = ${value} is not a multiple of ${multiple} (${narrow ? "rows of 8 bits, as activations or wire ask" : why})`,
      nearest: [...new Set([below, roundUp(value, multiple)].map((n) => Math.max(n, LANES)))],
    });
  };
  need("hidden", "rows of a gate and up tile");
  need("intermediate", "rows of a down tile");
  const least = leastSharedTile(layer);
  if (problems.length === 0 && layer.intermediate < least) {
    problems.push({
      field: "intermediate",
      message: `intermediate = ${layer.intermediate} is less than ${least}, whole blocks of the shared experts' scales`,
      nearest: [least],
    });
  }
  return problems;
};

/**
 * The same with those between that most experts have rows for, of `mean` on average: some have a standard
 * deviation more than it, few have two.
 */
export function rowCountsAround(
  layer: Pick<LayerSpec, "quantization" | "wire" | "deterministic">,
  bt: number,
  mean: number,
): readonly number[] {
  const few = defaultRowCounts(layer, bt);
  if (layer.deterministic === true) return few;
  const more = [0, 1, 2].map((times) =>
    roundUp(mean + times * Math.sqrt(mean), rowMultiple(layer)),
  );
  const counts = new Set([...few, ...more.filter((rows) => rows < bt)]);
  return [...counts].sort((a, b) => a - b);
}

/**
 * Row counts with a feed-forward body where the spec names none: 16 or 32, 64, 128, … up to bt; one
 * where a row's result may not depend on how many there are.
 */
export function defaultRowCounts(
  layer: Pick<LayerSpec, "quantization" | "wire" | "deterministic">,
  bt: number,
): readonly number[] {
  if (layer.deterministic === true) return [bt];
  return [...[rowMultiple(layer), 64, 128, 256].filter((rows) => rows < bt), bt];
}
