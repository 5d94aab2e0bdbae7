/**
 * The compiler's cycle profile of one kernel by stage: final bundles of each stage and loop times
 * its trips. One bundle is one cycle, waits for copies apart; markers of named scopes are not in a
 * kernel that is not traced and are left out of the cycles.
 */
import type { ScheduleProfile } from "../runner/types.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import { loopRuns, type StageRuns, stageOf } from "./runs.ts";
import { type SlotUse, slotUses } from "./slots.ts";

export interface StageProfile {
  /** "" for bundles in no stage. */
  readonly stage: string;
  /** Times the stage runs in one call. */
  readonly runs: number;
  /** Final bundles, each once. */
  readonly bundles: number;
  /** Cycles in one call on one device, waits for copies apart. */
  readonly cycles: number;
  /** Of them explicit delays. */
  readonly delay: number;
  /** Registers written to and read back from VMEM in one call for want of registers. */
  readonly spills: number;
  readonly fills: number;
  /** Copies and semaphores waited for in one call. */
  readonly waits: number;
  readonly slots: readonly SlotUse[];
  /** The slot that needs most cycles; null where the compiler counted no slots or none is used. */
  readonly bound: SlotUse | null;
  /** Cycles over the bounding slot's least cycles: 1 is as good as the machine gets. */
  readonly distance: number | null;
}

export interface KernelProfile {
  readonly stages: readonly StageProfile[];
  /** All stages together. */
  readonly total: StageProfile;
  /** Stages with a loop whose trips are unknown: its body is counted once an entry. */
  readonly unknownTrips: readonly string[];
}

interface Sum {
  bundles: number;
  cycles: number;
  delay: number;
  readonly uses: Record<string, number>;
}

const nothing = (): Sum => ({ bundles: 0, cycles: 0, delay: 0, uses: {} });

function profileOf(
  stage: string,
  runs: number,
  { bundles, cycles, delay, uses }: Sum,
  slots: readonly SlotUse[],
): StageProfile {
  const used = slots.filter(({ bound }) => bound > 0);
  const bound = used.reduce<SlotUse | null>(
    (most, use) => (most === null || use.bound > most.bound ? use : most),
    null,
  );
  return {
    ...{ stage, runs, bundles, cycles, delay },
    spills: uses.spill ?? 0,
    fills: uses.fill ?? 0,
    waits: uses.waits ?? 0,
    slots,
    bound,
    distance: bound === null ? null : cycles / bound.bound,
  };
}

/** Stages in the order of `stages`, those that never run included; bundles of none come last. */
export function profileKernel(
  schedule: ScheduleProfile,
  stages: readonly StageRuns[],
  device: DeviceFacts,
): KernelProfile {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const { runs, unknown } = loopRuns(schedule, byName);
  const sums = new Map<string, Sum>([...byName.keys(), ""].map((name) => [name, nothing()]));
  const all = nothing();
  for (const { scope, loop, bundles, tracing, delay, slots } of schedule.regions) {
    const name = stageOf(scope, byName);
    const around = loop === null ? 1 : (runs[loop] ?? 1);
    const inOwnLoop = loop !== null && stageOf(schedule.loops[loop]?.scope ?? "", byName) === name;
    // A stage may be a branch that is rarely taken, or stand in several loops.
    const times = inOwnLoop ? around : Math.min(around, byName.get(name)?.trips ?? around);
    for (const sum of [sums.get(name), all]) {
      if (sum === undefined) continue;
      sum.bundles += bundles;
      sum.delay += delay * times;
      sum.cycles += (bundles - tracing + delay) * times;
      for (const [slot, count] of Object.entries(slots)) {
        // The compiler counts a marker as a load.
        const uses = slot === "load" ? count - tracing : count;
        sum.uses[slot] = (sum.uses[slot] ?? 0) + uses * times;
      }
    }
  }
  const finish = (name: string, times: number, sum: Sum): StageProfile =>
    profileOf(name, times, sum, slotUses(sum.uses, schedule.machine, device));
  const made = [...sums].map(([name, sum]) => finish(name, byName.get(name)?.trips ?? 1, sum));
  return {
    stages: made.filter(({ bundles, stage }) => bundles > 0 || byName.has(stage)),
    total: finish("total", 1, all),
    unknownTrips: [
      ...new Set(unknown.map((index) => stageOf(schedule.loops[index]?.scope ?? "", byName))),
    ],
  };
}
