/** What the worker is told of a layer: the plan's, and where the kernel rounds. */

import { isSeveral, membersOf } from "../plan/members.ts";
import type { Plan } from "../plan/plan.ts";
import { schedules } from "../schedule/registry.ts";
import type { RoundedWeights } from "../schedule/schedule.ts";
import { defined } from "../spec/defined.ts";
import type { LayerSpec } from "../spec/layer.ts";

/** Where a kernel rounds. */
export interface Rounding {
  /** By rows of an expert in place of those of a body. */
  readonly roundedWeights: RoundedWeights;
  /** Each expert's result is rounded, and each device's sums. */
  readonly roundedResults?: true;
}

export interface WorkerLayer extends LayerSpec, Rounding {
  /** Of several schedules: where the one of each bucket rounds, ascending in `upTo`. */
  readonly buckets?: readonly (Rounding & { readonly upTo: number })[];
}

/**
 * The plan's layer with where its schedule rounds; nowhere, where the schedule says nothing. Of
 * several schedules bucket by bucket, as the plan's first device has them.
 */
export function workerLayer(plan: Plan): WorkerLayer {
  const [first] = plan.kernels;
  const own = new Map(membersOf(plan).map((member) => [member.name, roundingOf(member.plan)]));
  const nowhere: Rounding = { roundedWeights: {} };
  if (!isSeveral(plan)) return { ...plan.layer, ...nowhere, ...own.get(plan.schedule) };
  const buckets = plan.kernels
    .filter(({ device }) => device === first?.device)
    .map(({ tiles: { upTo }, schedule = "" }) => ({ upTo, ...nowhere, ...own.get(schedule) }))
    .sort((a, b) => a.upTo - b.upTo);
  return { ...plan.layer, ...nowhere, buckets };
}

/** Of one schedule. */
function roundingOf(plan: Plan): Rounding {
  const schedule = Object.values(schedules).find(({ kind }) => kind === plan.schedule);
  const { routed, shared } = schedule?.roundedWeights?.(plan) ?? {};
  return {
    ...defined({ roundedResults: schedule?.roundedResults }),
    roundedWeights: defined({
      routed: routed === undefined ? undefined : heldBelow(plan, routed),
      // Their rows come in whole tiles.
      shared: plan.kernels.some(({ tiles }) => tiles.bt > (shared ?? tiles.bt)) ? 0 : undefined,
    }),
  };
}

/** Rows that the largest body of at most `few` rows holds, in each kernel: more take a larger one. */
function heldBelow({ kernels }: Plan, few: number): number {
  const held = kernels.map(({ tiles }) => Math.max(0, ...tiles.btc.filter((rows) => rows <= few)));
  return Math.min(...held);
}
