import { deepseekRouting } from "./deepseek-routing.ts";
import { family } from "./family.ts";
import { field } from "./field.ts";

/**
 * Solar-Open: DeepSeek-V3's routing, one group by default, shared experts of the routed ones' size, and
 * no dense layer.
 * Source: transformers 5.24, models/solar_open (SolarOpenTopkRouter, SolarOpenMoE,
 * SolarOpenDecoderLayer) and its configuration class.
 */
export const solar = family({
  names: ["SolarOpenForCausalLM"],
  types: ["solar_open"],
  experts: ["n_routed_experts", "num_local_experts"],
  routing: deepseekRouting(),
  shared: { count: field(1, "n_shared_experts") },
});
