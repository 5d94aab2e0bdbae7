/** Where token rows and results lie, against the layer, the tiles and the other buckets. */
import { isAuto, isChoices } from "../../spec/choice.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { BucketSpec } from "../../spec/schedule.ts";
import type { Finding } from "../diagnostic.ts";
import { bucketPath } from "./buckets.ts";
import { error, type Rule } from "./rule.ts";

/** What a layer has that passes in turn alone serve; undefined: nothing. */
function unservedInPasses({ wire, deterministic }: LayerSpec): string | undefined {
  if (deterministic === true) return "deterministic";
  return wire?.combine === undefined ? undefined : "sums of 8 bits between devices";
}

/** What a layer has that is served with rows in VMEM alone; undefined: nothing. */
function unservedInHbm(layer: LayerSpec): string | undefined {
  const { biases, sharedExperts, wire, quantization } = layer;
  if (sharedExperts !== undefined) return "shared experts";
  if (biases === true) return "biases";
  if (wire !== undefined) return "rows of 8 bits between devices";
  if (quantization?.activations !== undefined) return "quantised activations";
  return unservedInPasses(layer);
}

/** Weights come whole: the tiles of a bucket that are not the whole axis. */
function cutTiles(layer: LayerSpec, name: string, bucket: BucketSpec): readonly Finding[] {
  return (["bf", "bd"] as const).flatMap((axis) => {
    const size = axis === "bf" ? layer.intermediate : layer.hidden;
    const tile = bucket[axis];
    if (tile === undefined || tile === size) return [];
    const text = isAuto(tile) ? "auto" : isChoices(tile) ? "choices" : `${tile}`;
    return [
      error({
        code: "MOE144",
        path: bucketPath(name, axis),
        message: `${axis} = ${text} with rows = "hbm": an expert's weights come whole`,
        nearest: [size],
      }),
    ];
  });
}

/** MOE144: what rows of two passes do not serve yet, and buckets that disagree: one kernel serves all. */
export const rowsTaken: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer") || !sound("schedule", "tiles")) return [];
  const buckets = Object.entries(spec.schedule.tiles);
  return buckets.flatMap(([name, bucket]) => {
    const { rows = "vmem" } = bucket;
    if (rows === "vmem") return [];
    const other = buckets.find(([, one]) => one.rows !== rows)?.[0];
    const missing = rows === "hbm" ? unservedInHbm(spec.layer) : unservedInPasses(spec.layer);
    const refused = (message: string): readonly Finding[] => [
      error({ code: "MOE144", path: bucketPath(name, "rows"), message, nearest: ["vmem"] }),
    ];
    if (missing !== undefined) return refused(`rows = "${rows}" with ${missing}`);
    if (other !== undefined) return refused(`rows = "${rows}", but not in ${other}`);
    return rows === "hbm" ? cutTiles(spec.layer, name, bucket) : [];
  });
};
