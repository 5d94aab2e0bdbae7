/**
 * Numerics of what a sweep found: each surviving candidate on simulated devices, scaled as
 * `validate` does. Many candidates have the same small kernel, which is run once for all of them.
 */
import type { LoadedSpec } from "../dsl/load.ts";
import { emitPackage } from "../emit/index.ts";
import type { Plan } from "../plan/plan.ts";
import { subjectOf, validateOn, validateSpec } from "../runner/index.ts";
import type { RunnerOptions, ValidateOptions, ValidateResult } from "../runner/types.ts";
import { devicesOf } from "../spec/mesh.ts";
import { Budget } from "./budget.ts";
import type { Crew } from "./crew.ts";
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

type Outcome = Refused | { readonly error: number };
type Validate = (plan: Plan, options: ValidateOptions) => Promise<ValidateResult>;

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
  /** Where the workers are; absent: on this machine, which shares a kernel's cases among its own. */
  readonly crew?: Crew;
  /** Workers of a crew; absent: as many as there is room for. */
  readonly jobs?: number;
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
  { budget = new Budget(), crew, jobs, ...options }: ProveOptions,
  onEvent: (event: ProveEvent) => void = () => {},
): Promise<Proved> {
  const todo = bestFirst(records).filter(({ numerics }) => numerics === undefined);
  const groups = await groupsOf(loaded, todo);
  const found = new Map<string, SweepRecord>();
  let done = 0;
  const finish = (members: readonly Measured[], outcome: Outcome): void => {
    const made = members.map((record) =>
      "kind" in outcome ? droppedAs(record, outcome) : { ...record, numerics: outcome },
    );
    for (const record of made) {
      found.set(record.key, record);
      store.keep(record);
    }
    done += 1;
    onEvent({ event: "prove", done, total: groups.length, records: made });
  };
  const queue = [...groups];
  const work = async (signal: AbortSignal, validate: Validate): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { plan, records: members } = next;
      finish(
        members,
        await judged(() => validate(plan, { ...options, signal, cases: CASES }), signal),
      );
    }
  };
  await budget.within(async (signal) => {
    if (queue.length === 0) return;
    if (crew === undefined) {
      await work(signal, (plan, chosen) => validateSpec(loaded, plan, chosen));
      return;
    }
    const ep = devicesOf(loaded.spec.mesh);
    const most = Math.min(jobs ?? Number.POSITIVE_INFINITY, queue.length);
    await crew({ ep, most, signal }, (station) =>
      work(signal, (plan, chosen) => validateOn(station, loaded, plan, chosen)),
    );
  });
  const left = todo.filter(({ key }) => !found.has(key)).length;
  return { records: records.map((record) => found.get(record.key) ?? record), left };
}

async function judged(
  validate: () => Promise<ValidateResult>,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const result = await validate();
    return wrong(result) ?? { error: result.worstError ?? 0 };
  } catch (error) {
    signal.throwIfAborted();
    return { stage: "validate", kind: kindOf(error), reason: messageOf(error).slice(0, 600) };
  }
}
