/** What the worker is told of a layer: the plan's, and where the kernel rounds. */

import type { Plan } from "../plan/plan.ts";
import { schedules } from "../schedule/registry.ts";
import type { RoundedWeights } from "../schedule/schedule.ts";
import type { LayerSpec } from "../spec/layer.ts";

export interface WorkerLayer extends LayerSpec {
  readonly roundedWeights: RoundedWeights;
}

/**
 * The plan's layer with where its schedule rounds dequantised weights; nowhere, where the schedule
 * says nothing.
 */
export function workerLayer(plan: Plan): WorkerLayer {
  const schedule = Object.values(schedules).find(({ kind }) => kind === plan.schedule);
  const rounded = schedule?.roundedWeights?.(plan);
  return { ...plan.layer, roundedWeights: rounded ?? { routed: false, shared: false } };
}
