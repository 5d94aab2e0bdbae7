/** What the schedule takes of a layer and of tiles; knows nothing of VMEM. */
import {
  axisRule as feedForwardRule,
  layerProblems as sizes,
} from "../../kernel/feed-forward/rules.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { AxisRule, Schedule, TileAxis } from "../schedule.ts";

/** Fields that it does not do, and why. */
const REFUSED: readonly (readonly [field: keyof LayerSpec, why: string])[] = [
  ["wire", "rows and sums go between devices as XLA's collectives take them, unquantised"],
  ["sharedExperts", "shared experts are the caller's here: leave them out, or use another kind"],
  ["deterministic", "XLA adds a token's sums in an order of its own"],
  ["scoreOn", "weights multiply what comes out of an expert here"],
];

/** Whole experts: F and D are not cut. */
export function axisRule(layer: LayerSpec, axis: TileAxis): AxisRule {
  if (axis === "bt") return feedForwardRule(layer, axis);
  const [name, size] = axis === "bf" ? ["F", layer.intermediate] : ["D", layer.hidden];
  return { text: `is ${name} = ${size}: an expert's weights come whole`, legal: [size] };
}

/** What keeps a layer from it: sizes that do not fill tiles, and what other schedules have alone. */
export const layerProblems: Schedule["layerProblems"] = (layer) => {
  const refused = REFUSED.filter(([field]) => layer[field] !== undefined).map(([field, why]) => ({
    field,
    message: `schedule gmm has no ${field}: ${why}`,
    nearest: [],
  }));
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
  return [...sizes(layer), ...refused, ...quantised];
};
