/** Identity experts against what the kernel does with the tokens' own rows. */

import { fillsLanes } from "../../kernel/rows/layout.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Finding } from "../diagnostic.ts";
import { bucketPath } from "./buckets.ts";
import { error, type Rule } from "./rule.ts";

interface Against {
  readonly path: readonly string[];
  readonly message: string;
}

/** What a layer has that identity experts are not beside; undefined: nothing. */
function against(layer: LayerSpec): Against | undefined {
  const { routing, redundantExperts, deterministic, quantization, wire } = layer;
  if (wire !== undefined) {
    const message =
      "a token's own row is added as it came: rows and sums between devices have 8 bits";
    return { path: ["wire"], message };
  }
  if (quantization?.activations !== undefined) {
    const message = "a token's own row is added as it came: rows on the devices have 8 bits";
    return { path: ["quantization", "activations"], message };
  }
  if (deterministic === true) {
    const message = "a token's own device alone adds its row, in that device's place of the order";
    return { path: ["deterministic"], message };
  }
  if (layer.heldExperts !== undefined) {
    const message = "ids of experts of zero weights and of identity experts would be the same";
    return { path: [], message };
  }
  if (redundantExperts !== undefined) {
    const message = "ids of copies and of identity experts would be the same";
    return { path: ["redundantExperts"], message };
  }
  if (routing.where === "kernel" && routing.groups !== undefined) {
    return { path: ["routing", "groups"], message: "identity experts are of no group" };
  }
  return undefined;
}

/** Tiles of D that leave lanes over: rows then lie in other columns than sums. */
function cutRows({ layer, schedule }: MoeSpec): readonly Finding[] {
  const { hidden } = layer;
  if (fillsLanes(hidden)) return [];
  return Object.entries(schedule.tiles).flatMap(([name, { bd }]) => {
    if (bd === undefined || bd === hidden) return [];
    const message = `hidden = ${hidden} fills no whole registers, so that a token's own row is added whole`;
    return [error({ code: "MOE164", path: bucketPath(name, "bd"), message, nearest: [hidden] })];
  });
}

/** MOE164: what identity experts are not beside. */
export const identityFits: Rule = ({ spec, sound }) => {
  if (!sound("layer") || spec.layer.identityExperts === undefined) return [];
  const found = against(spec.layer);
  if (found === undefined) return sound("schedule", "tiles") ? cutRows(spec) : [];
  const { path, message } = found;
  return [error({ code: "MOE164", path: ["layer", ...path], message, nearest: [] })];
};
