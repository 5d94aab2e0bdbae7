/** What `explain` says of quantised weights. */

import { membersOf } from "../../plan/members.ts";
import type { Plan } from "../../plan/plan.ts";
import { scheduleOf } from "../../schedule/registry.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { quantizationText, sharedApart, sharedLayer } from "../../spec/formats.ts";

/** The weights' type, and how a product with them is made. */
export function quantised(several: Plan): readonly string[] {
  const { quantization, dtype } = several.layer;
  if (quantization === undefined) return [];
  const [first] = membersOf(several);
  const plan = first?.plan ?? several;
  const schedule = scheduleOf(plan.schedule);
  const way = schedule.dequantizationText?.(plan);
  return [
    `  weights ${quantizationText(quantization)}`,
    ...(way === undefined ? [] : [`  ${way}; rows stay ${dtype}`]),
    ...sharedQuantised(plan, schedule),
  ];
}

/** The shared experts' weights beside quantised routed ones: what was left out is said as well. */
function sharedQuantised(plan: Plan, schedule: Schedule): readonly string[] {
  const { sharedExperts, dtype } = plan.layer;
  if (sharedExperts === undefined) return [];
  if (!sharedApart(plan.layer)) return ["  weights of the shared experts: the same"];
  const layer = sharedLayer(plan.layer);
  if (layer.quantization === undefined) return [`  weights of the shared experts: ${dtype}`];
  const way = schedule.dequantizationText?.({ ...plan, layer });
  const how = way === undefined ? "" : `; ${way}`;
  return [`  weights of the shared experts: ${quantizationText(layer.quantization)}${how}`];
}
