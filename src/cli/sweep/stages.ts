/** The stages of `moegen sweep` within one budget: compile, prove on simulated devices, time on a TPU. */
import type { LoadedSpec } from "../../dsl/load.ts";
import { defined } from "../../spec/defined.ts";
import type { Budget } from "../../sweep/budget.ts";
import type { ClockEvent, ClockOptions } from "../../sweep/clock.ts";
import type { Ahead } from "../../sweep/entries.ts";
import { FINALISTS } from "../../sweep/objectives.ts";
import type { ProveEvent } from "../../sweep/prove.ts";
import { droppedAs, type SweepRecord } from "../../sweep/record.ts";
import {
  type SweepEvent,
  type SweepOptions,
  type SweepResult,
  sweepSpec,
} from "../../sweep/run.ts";
import type { Store } from "../../sweep/store.ts";
import { failureOf } from "../failure.ts";
import { interrupted } from "../interrupt.ts";

/** Share of a budget for compiling, where something comes after it. */
const COMPILING = 0.6;

export interface Stages {
  readonly sweep: Omit<SweepOptions, "budget">;
  readonly budget: Budget;
  readonly validate: boolean;
  readonly clock:
    | { readonly device: string; readonly options: ClockOptions; readonly ahead?: Ahead }
    | undefined;
}

/** Hears each stage. */
export interface StageEvents {
  readonly event: (event: SweepEvent) => void;
  readonly proved: (event: ProveEvent) => void;
  readonly timed: (event: ClockEvent) => void;
}

export interface Staged extends SweepResult {
  /** Measured candidates whose numerics were asked for and not reached. */
  readonly unproved: number;
  /** Why the finalists were not timed; null: they were, or nobody asked. */
  readonly lost: string | null;
  /** `records`, of which none can win that is not proved although that was asked. */
  readonly eligible: readonly SweepRecord[];
}

/**
 * Compiles within a share of the budget where more comes after it, proves what compiled, times
 * finalists. A TPU that is lost is told in `lost`; throws where the user interrupts, and what the
 * first two stages throw.
 */
export async function runStages(
  loaded: LoadedSpec,
  store: Store,
  { sweep, budget, validate, clock }: Stages,
  report: StageEvents,
): Promise<Staged> {
  const more = validate || clock !== undefined;
  const compiling = more ? budget.part(COMPILING) : budget;
  const swept = await sweepSpec(
    loaded.spec,
    store,
    // What is wrong on simulated devices, or slow on a TPU, leaves the next best.
    { ...sweep, keep: more ? FINALISTS : 1, budget: compiling, signal: interrupted },
    report.event,
  );
  let { records } = swept;
  let unproved = 0;
  if (validate) {
    const { proveSurvivors } = await import("../../sweep/prove.ts");
    const { timeout, crew, jobs } = sweep;
    const limits = { budget, ...defined({ timeout, crew, jobs }) };
    const proved = await proveSurvivors(loaded, store, records, limits, report.proved);
    records = proved.records;
    unproved = proved.left;
  }
  let lost: string | null = null;
  if (clock !== undefined) {
    const { timeFinalists } = await import("../../sweep/clock.ts");
    const { device, options, ahead } = clock;
    try {
      records = await timeFinalists(
        loaded,
        store,
        records,
        device,
        { ...options, ...defined({ ahead }), signal: budget.signal },
        report.timed,
      );
    } catch (error) {
      interrupted.throwIfAborted();
      // What was compiled is told and stored all the same.
      lost = budget.spent ? "the budget is spent" : failureOf(error).message;
    }
  }
  const eligible = validate ? records.map(proven) : records;
  const stopped = swept.stopped || unproved > 0 || (lost !== null && budget.spent);
  return { ...swept, stopped, records, unproved, lost, eligible };
}

function proven(record: SweepRecord): SweepRecord {
  if (record.status === "dropped" || record.numerics !== undefined) return record;
  const reason = "the budget was spent before its numerics were tried";
  return droppedAs(record, { stage: "validate", kind: "timeout", reason });
}
