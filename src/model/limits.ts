/** Limits of an activation that a config lists by layer. */
import type { Activation } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";
import { OUTSIDE, refuseActivation, refuseShared } from "./refuse.ts";

/** "43 (7)": the layer, from 0, and its limit. Null and 0 are none. */
function limited(config: ConfigReader, name: string): readonly string[] {
  const list = config.get(name);
  return (Array.isArray(list) ? list : []).flatMap((limit: unknown, index) =>
    typeof limit === "number" && limit !== 0 ? [`${index} (${limit})`] : [],
  );
}

/** The activation of the first of them. */
function clamped(layers: readonly string[]): string {
  const limit = /\(([^)]+)\)/.exec(layers[0] ?? "")?.[1];
  return `{ kind: "silu_clamped", limit: ${limit} }`;
}

/** Of the layer that is read, by one of its lists; a list that ends before the layer has none. */
export function limitAt(config: ConfigReader, name: string): Activation | undefined {
  const list = config.get(name);
  const limit: unknown =
    config.layer !== undefined && Array.isArray(list) ? list[config.layer] : undefined;
  return typeof limit === "number" && limit !== 0 ? { kind: "silu_clamped", limit } : undefined;
}

/**
 * Refuses layers that clamp *after* silu (gate at most the limit, up within it) beside others that do
 * not, with the activation of either; so for the shared experts, which have an activation of their own.
 * One layer that is read by its index has its own limits: `limitAt`.
 */
export function refuseLimits(
  config: ConfigReader,
  routedField: string,
  sharedField: string,
  width: number,
): void {
  if (config.layer !== undefined) return;
  const routed = limited(config, routedField);
  if (routed.length > 0) {
    const message = `layers ${routed.join(", ")} clamp silu's result, the others do not: a kernel is for layers of one kind`;
    refuseActivation(config, routedField, message, ["silu", clamped(routed)]);
  }
  const shared = limited(config, sharedField);
  if (shared.length > 0) {
    const message = `the shared expert of layers ${shared.join(", ")} clamps silu's result, the others' do not: a kernel is for layers of one kind`;
    const own = (activation: string): string =>
      `sharedExperts: { count: 1, intermediate: ${width}, activation: ${activation} }`;
    refuseShared(config, sharedField, message, [own('"silu"'), own(clamped(shared)), OUTSIDE]);
  }
}
