/**
 * Numerics of what a sweep found: each surviving candidate on simulated devices, scaled as
 * `validate` does. Many candidates have the same small kernel, which is run once for all of them.
 */
import type { LoadedSpec } from "../dsl/load.ts";
import { emitPackage } from "../emit/index.ts";
import type { Plan } from "../plan/plan.ts";
import { subjectOf, validateSpec } from "../runner/index.ts";
import type { RunnerOptions, ValidateResult } from "../runner/types.ts";
import { Budget } from "./budget.ts";
import { kindOf, messageOf } from "./evaluate.ts";
import { judgeCandidate, type Refused } from "./prepare.ts";
import { droppedAs, type Measured, type SweepRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { isMeasured, ranked } from "./winners.ts";

/** Uneven routing, and T beyond one pass with blocks of rows: the cases that tiles decide. */
const CASES = ["uniform", "hot-expert", "odd"];

export interface ProveEvent {
  readonly event: "prove";
  readonly done: number;
  /** Small kernels. */
  readonly total: number;
  /** Candidates that the last one stood for. */
  readonly records: readonly SweepRecord[];
}

interface Group {
  readonly plan: Plan;
  readonly records: Measured[];
}

/** In the order of `records`. */
async function groupsOf(loaded: LoadedSpec, records: readonly Measured[]): Promise<Group[]> {
  const groups = new Map<string, Group>();
  for (const record of records) {
    const { bucket, device, tokens, tiles } = record;
    const { prepared } = judgeCandidate(loaded.spec, { bucket, device, tokens, tiles });
    if (prepared === undefined) continue;
    const small = subjectOf(loaded, prepared.plan, {}).plan;
    const key = JSON.stringify([...(await emitPackage(small))]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { plan: prepared.plan, records: [record] });
    else group.records.push(record);
  }
  return [...groups.values()];
}

/** Undefined: it is right. */
function wrong({ ok, cases, undecided }: ValidateResult): Refused | undefined {
  if (ok) return undefined;
  // What is wrong is wrong, whatever else was given up.
  const lost = cases.find((one) => !one.ok);
  const failed = cases.find((one) => !one.ok && one.failure?.kind === undefined) ?? lost;
  const { message = "no case was run", error = "" } = failed?.failure ?? {};
  const without = undecided > 0 ? "timeout" : "worker";
  const kind = failed === undefined ? without : (failed.failure?.kind ?? "numerics");
  const reason = `${failed?.title ?? "validate"}: ${message}${error ? `: ${error}` : ""}`;
  return { stage: "validate", kind, reason: reason.slice(0, 600) };
}

/** The best of each bucket and device first, then the second best: what a budget ends is the tail. */
function bestFirst(records: readonly SweepRecord[]): readonly Measured[] {
  const places = new Map<string, number>();
  for (const group of ranked(records)) {
    for (const [place, { key }] of group.records.entries()) places.set(key, place);
  }
  const placeOf = ({ key }: Measured): number => places.get(key) ?? places.size;
  return records.filter(isMeasured).sort((a, b) => placeOf(a) - placeOf(b));
}

export interface ProveOptions extends RunnerOptions {
  readonly budget?: Budget;
}

export interface Proved {
  /** All records again: those that are right say how right, those that are not are dropped. */
  readonly records: readonly SweepRecord[];
  /** Candidates whose numerics the budget did not reach. */
  readonly left: number;
}

/**
 * Validates the cases that catch wrong tiles, the best candidates first, those of one kernel once;
 * each outcome goes into the store at once. What fails is a record; throws where the user
 * interrupts.
 */
export async function proveSurvivors(
  loaded: LoadedSpec,
  store: Store,
  records: readonly SweepRecord[],
  { budget = new Budget(), ...options }: ProveOptions,
  onEvent: (event: ProveEvent) => void = () => {},
): Promise<Proved> {
  const todo = bestFirst(records).filter(({ numerics }) => numerics === undefined);
  const groups = await groupsOf(loaded, todo);
  const found = new Map<string, SweepRecord>();
  for (const [at, { plan, records: members }] of groups.entries()) {
    const outcome = await budget.within((signal) => judged(loaded, plan, { ...options, signal }));
    if (outcome === undefined) break;
    const made = members.map((record) =>
      "kind" in outcome ? droppedAs(record, outcome) : { ...record, numerics: outcome },
    );
    for (const record of made) {
      found.set(record.key, record);
      store.keep(record);
    }
    onEvent({ event: "prove", done: at + 1, total: groups.length, records: made });
  }
  const left = todo.filter(({ key }) => !found.has(key)).length;
  return { records: records.map((record) => found.get(record.key) ?? record), left };
}

async function judged(
  loaded: LoadedSpec,
  plan: Plan,
  options: RunnerOptions,
): Promise<Refused | { readonly error: number }> {
  try {
    const result = await validateSpec(loaded, plan, { ...options, cases: CASES });
    return wrong(result) ?? { error: result.worstError ?? 0 };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { stage: "validate", kind: kindOf(error), reason: messageOf(error).slice(0, 600) };
  }
}
