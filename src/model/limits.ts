/** Limits of an activation that a config lists by layer. */
import type { Activation } from "../spec/layer.ts";
import { show } from "../spec/show.ts";
import { activationOf } from "./activation.ts";
import type { ConfigReader } from "./config.ts";
import { depthOf } from "./depth.ts";
import { OUTSIDE, refuseActivation, refuseShared } from "./refuse.ts";

/**
 * Limits by layer, 0 where there is none: null, or a list that ends before the layer. Undefined: none is stated, or what is wrong is reported for `layerField`.
 */
function limitsOf(
  config: ConfigReader,
  name: string,
  layerField: "activation" | "sharedExperts",
): readonly number[] | undefined {
  const list = config.get(name);
  if (list === undefined) return undefined;
  const problem = (message: string): undefined => {
    config.report({ code: "MOE305", layerField, configField: name, message, nearest: [] });
  };
  if (!Array.isArray(list)) return problem(`${name} is ${show(list)}, not a list of limits`);
  // Layers that draft are none of the model's.
  const limits = list.slice(0, depthOf(config)).map((limit: unknown) => limit ?? 0);
  const strange = limits.findIndex((limit) => !isLimit(limit));
  if (strange === -1) return limits.filter(isLimit);
  return problem(`${name} of layer ${strange} is ${show(limits[strange])}, not a limit`);
}

const isLimit = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

/** "43 (7)": the layer, from 0, and its limit. */
function limited(limits: readonly number[] | undefined): readonly string[] {
  return (limits ?? []).flatMap((limit, index) => (limit === 0 ? [] : [`${index} (${limit})`]));
}

/** The activation of the first of them. */
function clamped(layers: readonly string[]): string {
  const limit = /\(([^)]+)\)/.exec(layers[0] ?? "")?.[1];
  return `{ kind: "silu_clamped", limit: ${limit} }`;
}

/** Of the layer that is read, by one of its lists. */
function limitAt(
  config: ConfigReader,
  name: string,
  layerField: "activation" | "sharedExperts",
): Activation | undefined {
  if (config.layer === undefined) return undefined;
  const limit = limitsOf(config, name, layerField)?.[config.layer] ?? 0;
  return limit === 0 ? undefined : { kind: "silu_clamped", limit };
}

/**
 * Refuses layers that clamp *after* silu (gate at most the limit, up within it) beside others that do
 * not, with the activation of either; so for the shared experts, which have an activation of their own.
 * One layer that is read by its index has its own limits: `limitedAt`.
 */
export function refuseLimits(
  config: ConfigReader,
  routedField: string,
  sharedField: string,
  width: number,
): void {
  if (config.layer !== undefined) return;
  const routed = limited(limitsOf(config, routedField, "activation"));
  if (routed.length > 0) {
    const message = `layers ${routed.join(", ")} clamp silu's result, the others do not: a kernel is for layers of one kind`;
    refuseActivation(config, routedField, message, ["silu", clamped(routed)]);
  }
  const shared = limited(limitsOf(config, sharedField, "sharedExperts"));
  if (shared.length > 0) {
    const message = `the shared expert of layers ${shared.join(", ")} clamps silu's result, the others' do not: a kernel is for layers of one kind`;
    const own = (activation: string): string =>
      `sharedExperts: { count: 1, intermediate: ${width}, activation: ${activation} }`;
    refuseShared(config, sharedField, message, [own('"silu"'), own(clamped(shared)), OUTSIDE]);
  }
}

/** Activations of the layer that is read; the shared experts' own where either of them clamps. */
export function limitedAt(
  config: ConfigReader,
  routedField: string,
  sharedField: string,
): { readonly routed: Activation; readonly shared?: Activation } {
  const usual = activationOf(config);
  const routed = limitAt(config, routedField, "activation");
  const shared = limitAt(config, sharedField, "sharedExperts");
  if (routed === undefined && shared === undefined) return { routed: usual };
  return { routed: routed ?? usual, shared: shared ?? usual };
}
