/** Experts without a gate against what a gate is for. */
import { hasGate } from "../../spec/formats.ts";
import { error, type Rule } from "./rule.ts";

/** MOE160: weights, biases and shared experts beside an activation of up alone, or weights of up beside others. */
export const gateIsThere: Rule = ({ spec, sound }) => {
  if (!sound("layer")) return [];
  const { layer } = spec;
  const wrong = (field: string, message: string, nearest: readonly string[]) =>
    error({ code: "MOE160", path: ["layer", field], message, nearest });
  if (hasGate(layer)) {
    if (layer.weights !== "up") return [];
    return [wrong("weights", 'weights = "up", and the activation has a gate', ["fused"])];
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
