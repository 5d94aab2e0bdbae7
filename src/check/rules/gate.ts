/** Experts without a gate against what a gate is for. */
import { hasGate } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { Finding } from "../diagnostic.ts";
import { error, type Rule } from "./rule.ts";

/** Shared experts have a gate projection. */
function sharedHaveGate(shared: LayerSpec["sharedExperts"]): readonly Finding[] {
  const { activation } = shared ?? {};
  if (activation === undefined || hasGate({ activation })) return [];
  return [
    error({
      code: "MOE160",
      path: ["layer", "sharedExperts", "activation"],
      message: `shared experts have a gate, and ${String(activation)} has none`,
      nearest: ["silu"],
    }),
  ];
}

/** MOE160: weights, biases and shared experts beside an activation of up alone, or weights of up beside others. */
export const gateIsThere: Rule = ({ spec, sound }) => {
  if (!sound("layer")) return [];
  const { layer } = spec;
  const wrong = (field: string, message: string, nearest: readonly string[]) =>
    error({ code: "MOE160", path: ["layer", field], message, nearest });
  if (hasGate(layer)) {
    return [
      ...(layer.weights === "up"
        ? [wrong("weights", 'weights = "up", and the activation has a gate', ["fused"])]
        : []),
      ...sharedHaveGate(layer.sharedExperts),
    ];
  }
  const name = String(layer.activation);
  return [
    ...(layer.weights === "up"
      ? []
      : [wrong("weights", `weights = "${layer.weights}", and ${name} has no gate`, ["up"])]),
    ...(layer.biases === undefined ? [] : [wrong("biases", `biases beside ${name}`, [])]),
    ...(layer.sharedExperts === undefined
      ? []
      : [wrong("sharedExperts", `shared experts beside ${name}: they are the caller's`, [])]),
  ];
};
