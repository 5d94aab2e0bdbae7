/** How deep a model is, and lists that have an entry for each of its layers. */
import { MOST_LAYERS } from "../spec/layers.ts";
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";

/** Layers behind the model's own that draft further tokens: lists by layer may have them too. */
const DRAFTING = [
  "num_nextn_predict_layers",
  "num_mtp_modules",
  "num_mtp_layers",
  "mtp_num_hidden_layers",
] as const;

/** A value that says nothing of layers; no override answers it, since none says which layers there are. */
export function refuseLayers(
  config: ConfigReader,
  configField: string,
  message: string,
  nearest: readonly string[] = [],
): void {
  config.report({ code: "MOE305", configField, message, nearest });
}

/** Whether it is a whole number from `least` to `most`. */
export const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** How deep the model is; undefined: the config does not say it, or what it says is reported. */
export function depthOf(config: ConfigReader, name = "num_hidden_layers"): number | undefined {
  return config.get(name) === undefined ? undefined : statedWhole(config, name, 1, MOST_LAYERS);
}

/** The whole number that a field states; what is none from `least` to `most` is reported, and undefined. */
export function statedWhole(
  config: ConfigReader,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const stated = config.get(name);
  if (isWhole(stated, least, most)) return stated;
  const near =
    typeof stated === "number" && !Number.isNaN(stated)
      ? [String(Math.min(most, Math.max(least, Math.round(stated))))]
      : [];
  const message = `${name} is ${show(stated)}, not a whole number from ${least} to ${most}`;
  refuseLayers(config, name, message, near);
  return undefined;
}

/** How long a list may be that has an entry a layer: with or without the layers that draft. */
export function listLengths(config: ConfigReader, depth: number): readonly number[] {
  const further = DRAFTING.map((name) => config.get(name)).find((one) => isWhole(one, 1, depth));
  return further === undefined ? [depth] : [depth, depth + Number(further)];
}
