/** What the worker is told of a layer: the plan's, and where the kernel rounds. */

import { membersOf } from "../plan/members.ts";
import type { Plan } from "../plan/plan.ts";
import { schedules } from "../schedule/registry.ts";
import type { RoundedWeights } from "../schedule/schedule.ts";
import { defined } from "../spec/defined.ts";
import type { LayerSpec } from "../spec/layer.ts";

export interface WorkerLayer extends LayerSpec {
  /** By rows of an expert in place of those of a body. */
  readonly roundedWeights: RoundedWeights;
}

/**
 * The plan's layer with where its schedule rounds dequantised weights; nowhere, where the schedule
 * says nothing. Of several schedules: where one of them does.
 */
export function workerLayer(plan: Plan): WorkerLayer {
  const rounded = membersOf(plan).map(roundedBy);
  const least = (name: keyof RoundedWeights): number | undefined => {
    const found = rounded.flatMap((one) => one[name] ?? []);
    return found.length === 0 ? undefined : Math.min(...found);
  };
  const roundedWeights = defined({ routed: least("routed"), shared: least("shared") });
  return { ...plan.layer, roundedWeights };
}

/** Of one schedule. */
function roundedBy(plan: Plan): RoundedWeights {
  const schedule = Object.values(schedules).find(({ kind }) => kind === plan.schedule);
  const { routed, shared } = schedule?.roundedWeights?.(plan) ?? {};
  return defined({
    routed: routed === undefined ? undefined : heldBelow(plan, routed),
    // Their rows come in whole tiles.
    shared: plan.kernels.some(({ tiles }) => tiles.bt > (shared ?? tiles.bt)) ? 0 : undefined,
  });
}

/** Rows that the largest body of at most `few` rows holds, in each kernel: more take a larger one. */
function heldBelow({ kernels }: Plan, few: number): number {
  const held = kernels.map(({ tiles }) => Math.max(0, ...tiles.btc.filter((rows) => rows <= few)));
  return Math.min(...held);
}
