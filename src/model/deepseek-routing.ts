/** DeepSeek-V3's routing, which most later families have taken over with a word or two changed. */
import { field } from "./field.ts";
import { groupsOr, type RoutingData } from "./routing.ts";

/**
 * Sigmoid scores, one group by default, a correction bias, weights divided by their sum + 1e-20 and
 * scaled by `routed_scaling_factor`, 1 by default; `changed`: what a family has otherwise.
 * Source: transformers 5.24, models/deepseek_v3 (DeepseekV3TopkRouter).
 */
export function deepseekRouting(changed: Partial<RoutingData> = {}): RoutingData {
  return {
    scoring: "sigmoid",
    renormalize: field(true, "norm_topk_prob"),
    renormEpsilon: 1e-20,
    scalingFactor: field(1, "routed_scaling_factor"),
    groups: groupsOr(1, 1),
    correctionBias: true,
    ...changed,
  };
}
