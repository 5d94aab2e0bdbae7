/** What the "gather" schedule asks of a layer and of tiles; knows nothing of VMEM. */
import type { LayerSpec } from "../../dsl/spec.ts";
import type { AxisRule, Schedule, TileAxis } from "../schedule.ts";
import { LANES, roundUp } from "./layout.ts";

/** Most rows of one feed-forward body: above, a body's code outgrows what it saves. */
const MOST_ROWS = 512;
/** Rows of a bfloat16 tile; float32 keeps the same so that one rule serves both. */
export const ROW_MULTIPLE = 16;

function divisors(size: number, multiple: number): readonly number[] {
  const found: number[] = [];
  for (let tile = multiple; tile <= size; tile += multiple) if (size % tile === 0) found.push(tile);
  return found;
}

export function axisRule(layer: LayerSpec, axis: TileAxis): AxisRule {
  if (axis === "bf") {
    return {
      text: `divides F = ${layer.intermediate} and is a multiple of ${LANES} lanes`,
      legal: divisors(layer.intermediate, LANES),
    };
  }
  if (axis === "bd") {
    return {
      text: `divides D = ${layer.hidden} and is a multiple of ${LANES} lanes`,
      legal: divisors(layer.hidden, LANES),
    };
  }
  const legal: number[] = [];
  for (let rows = ROW_MULTIPLE; rows <= MOST_ROWS; rows += ROW_MULTIPLE) legal.push(rows);
  return { text: `is a multiple of ${ROW_MULTIPLE} rows, at most ${MOST_ROWS}`, legal };
}

export const layerProblems: Schedule["layerProblems"] = (layer) => {
  const problems: ReturnType<Schedule["layerProblems"]>[number][] = [];
  // A packed row is a whole number of vector registers, so that a row moves without masks.
  const words = layer.dtype === "bfloat16" ? 2 : 1;
  const hiddenMultiple = LANES * words;
  const need = (field: "hidden" | "intermediate", multiple: number, why: string): void => {
    const value = layer[field];
    if (value % multiple === 0 && value > 0) return;
    const below = Math.floor(value / multiple) * multiple;
    problems.push({
      field,
      message: `${field} = ${value} is not a multiple of ${multiple} (${why})`,
      nearest: [below, roundUp(value, multiple)].filter((n) => n > 0),
    });
  };
  need("hidden", hiddenMultiple, `${layer.dtype} rows as ${LANES} lanes of 32-bit words`);
  need("intermediate", LANES, "lanes");
  return problems;
};

/** Row counts with a feed-forward body where the spec names none: 16, 64, 128, … up to bt. */
export function defaultRowCounts(bt: number): readonly number[] {
  return [...[16, 64, 128, 256].filter((rows) => rows < bt), bt];
}
