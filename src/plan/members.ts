/** A plan of several schedules, taken apart: each schedule's own plan. */
import { AUTO } from "../spec/several.ts";
import type { KernelPlan, Plan } from "./plan.ts";

/** Whether its kernels are of more than one schedule. */
export function isSeveral({ schedule }: Pick<Plan, "schedule">): boolean {
  return schedule === AUTO;
}

/** Without what it says of the others. */
function alone({ schedule: _, choice: __, predicted: ___, ...kernel }: KernelPlan): KernelPlan {
  return kernel;
}

/** The plan of one of its schedules: the buckets that this one runs. Of one schedule: the plan. */
export function memberOf(plan: Plan, kind: string): Plan {
  if (!isSeveral(plan)) return plan;
  const kernels = plan.kernels.filter(({ schedule }) => schedule === kind).map(alone);
  return { ...plan, schedule: kind, kernels };
}

/** The plans of all its schedules, in the order of their buckets; a plan of one schedule is the only one. */
export function membersOf(plan: Plan): readonly Plan[] {
  if (!isSeveral(plan)) return [plan];
  const kinds = [...new Set(plan.kernels.flatMap(({ schedule }) => schedule ?? []))];
  return kinds.map((kind) => memberOf(plan, kind));
}

/** The plan of the schedule that a kernel is of. */
export function planOfKernel(plan: Plan, { schedule }: Pick<KernelPlan, "schedule">): Plan {
  return schedule === undefined ? plan : memberOf(plan, schedule);
}
