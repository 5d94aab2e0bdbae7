/** What the schedule takes of a layer and of tiles; knows nothing of VMEM. */
import {
  axisRule as feedForwardRule,
  layerProblems as sizes,
} from "../../kernel/feed-forward/rules.ts";
import { fillsLanes } from "../../kernel/rows/layout.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { AxisRule, Schedule, TileAxis } from "../schedule.ts";

/** Fields that it does not do, and why. */
const REFUSED: readonly (readonly [field: keyof LayerSpec, why: string])[] = [
  ["deterministic", "XLA adds a token's sums in an order of its own"],
  ["scoreOn", "weights multiply what comes out of an expert here"],
];

/** D is not cut, nor F where it fills no lanes: a tile has columns of gate and up, and rows of down. */
export function axisRule(layer: LayerSpec, axis: TileAxis): AxisRule {
  const { hidden, intermediate } = layer;
  if (axis === "bd") return { text: `is D = ${hidden}: a row is taken whole`, legal: [hidden] };
  if (axis === "bt" || fillsLanes(intermediate)) return feedForwardRule(layer, axis);
  const text = `is F = ${intermediate}: it does not fill lanes, and is not cut`;
  return { text, legal: [intermediate] };
}

/** What keeps a layer from it: sizes that do not fill tiles, and what other schedules have alone. */
export const layerProblems: Schedule["layerProblems"] = (layer) => {
  const refused = REFUSED.filter(([field]) => layer[field] !== undefined).map(([field, why]) => ({
    field,
    message: `schedule gmm has no ${field}: ${why}`,
    nearest: [],
  }));
  const sums =
    layer.wire?.combine === undefined
      ? []
      : [
          {
            field: "wire" as const,
            message: `schedule gmm has no wire.combine: XLA adds sums up on their way, in ${layer.dtype}`,
            nearest: [],
          },
        ];
  const rows = layer.quantization?.activations;
  const quantised =
    rows === undefined
      ? []
      : [
          {
            field: "quantization" as const,
            message: `schedule gmm multiplies ${layer.dtype} rows: leave out activations = ${rows}`,
            nearest: [],
          },
        ];
  return [...sizes(layer), ...refused, ...sums, ...quantised];
};
