/** Limits of an activation that a config lists by layer. */
import type { ConfigReader } from "./config.ts";
import { refuseActivation, refuseShared } from "./refuse.ts";

/** "43 (7)": the layer, from 0, and its limit. Null and 0 are none. */
function limited(config: ConfigReader, name: string): readonly string[] {
  const list = config.get(name);
  return (Array.isArray(list) ? list : []).flatMap((limit: unknown, index) =>
    typeof limit === "number" && limit !== 0 ? [`${index} (${limit})`] : [],
  );
}

/**
 * Refuses layers that clamp *after* silu (gate at most the limit, up within it): the language clamps
 * before, in all layers, and the shared experts like the routed ones.
 */
export function refuseLimits(config: ConfigReader, routedField: string, sharedField: string): void {
  const routed = limited(config, routedField);
  if (routed.length > 0) {
    const message = `layers ${routed.join(", ")} clamp silu's result, which the kernel does not; the others do not clamp`;
    refuseActivation(config, routedField, message, ["silu"]);
  }
  const shared = limited(config, sharedField);
  if (shared.length > 0) {
    const message = `the shared expert of layers ${shared.join(", ")} clamps silu's result, which the kernel does not`;
    refuseShared(config, sharedField, message);
  }
}
