/** A plan of several schedules, taken apart: each member's own plan. */
import { memberParts } from "../spec/member.ts";
import { AUTO } from "../spec/several.ts";
import type { KernelPlan, Plan } from "./plan.ts";

/** Whether its kernels are of more than one member. */
export function isSeveral({ schedule }: Pick<Plan, "schedule">): boolean {
  return schedule === AUTO;
}

/** Without what it says of the others. */
function alone({ schedule: _, choice: __, predicted: ___, ...kernel }: KernelPlan): KernelPlan {
  return kernel;
}

/** The plan of one of its members: the buckets that this one runs. Of one schedule: the plan. */
export function memberOf(plan: Plan, name: string): Plan {
  if (!isSeveral(plan)) return plan;
  const kernels = plan.kernels.filter(({ schedule }) => schedule === name).map(alone);
  return { ...plan, schedule: memberParts(name).kind, kernels };
}

/** One member, and the plan of its own. */
export interface MemberPlan {
  /** As its folder in the package is called; of a plan of one schedule the kind. */
  readonly name: string;
  readonly plan: Plan;
}

/** All its members, in the order of their buckets; a plan of one schedule is the only one. */
export function membersOf(plan: Plan): readonly MemberPlan[] {
  if (!isSeveral(plan)) return [{ name: plan.schedule, plan }];
  const names = [...new Set(plan.kernels.flatMap(({ schedule }) => schedule ?? []))];
  return names.map((name) => ({ name, plan: memberOf(plan, name) }));
}

/** The plan of the member that a kernel is of. */
export function planOfKernel(plan: Plan, { schedule }: Pick<KernelPlan, "schedule">): Plan {
  return schedule === undefined ? plan : memberOf(plan, schedule);
}
