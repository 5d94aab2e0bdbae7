/** Device time of the finalists on a TPU host, in turns, so that they compare. */
import type { LoadedSpec } from "../dsl/load.ts";
import { EnvironmentError, hostKind, timeOn } from "../runner/index.ts";
import type { TimeOptions } from "../runner/time.ts";
import { defined } from "../spec/defined.ts";
import { deviceOf } from "../target/device/registry.ts";
import { type Ahead, entriesOf } from "./entries.ts";
import { FINALISTS } from "./objectives.ts";
import { judgeCandidate } from "./prepare.ts";
import { droppedAs, type SweepRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { pairedSeconds, turnsOf } from "./turns.ts";
import { chooseWinners, ranked } from "./winners.ts";

export interface ClockEvent {
  readonly event: "clock";
  readonly bucket: string;
  readonly what: string;
}

export type ClockOptions = Omit<TimeOptions, "device" | "tokens">;

/** The kind that the host has. @throws EnvironmentError: no TPU, or none that the sweep is for. */
export async function kindOfHost(options: ClockOptions, swept: readonly string[]): Promise<string> {
  const kind = await hostKind(options);
  const known = swept.find((name) => deviceOf(name).kind === kind);
  if (known !== undefined) return known;
  throw new EnvironmentError(
    "no-tpu",
    `the host has ${kind}, and the sweep is for ${swept.join(", ")}`,
    "name the host's kind in --device or in the spec; `moegen predict` needs no TPU",
  );
}

/** All records again: the finalists with their device time, those that are wrong dropped. */
export async function timeFinalists(
  { spec }: LoadedSpec,
  store: Store,
  records: readonly SweepRecord[],
  device: string,
  { ahead, ...options }: ClockOptions & { readonly ahead?: Ahead },
  onEvent: (event: ClockEvent) => void = () => {},
): Promise<readonly SweepRecord[]> {
  const run = new Date().toISOString();
  const found = new Map<string, SweepRecord>();
  // What was measured another time does not compare with what is measured now.
  const fresh = records.map((record): SweepRecord => {
    if (record.status === "dropped" || record.device !== device) return record;
    const { deviceTime: _, ...rest } = record;
    return rest;
  });
  const predicted = chooseWinners(fresh).winners;
  for (const group of ranked(fresh)) {
    const { bucket } = group;
    if (group.device !== device) continue;
    // What other devices of the spec need stays in the race: its tiles serve them all.
    const chosen = predicted.flatMap(({ on }) => on.map(({ key }) => key));
    const best = group.records.filter((r, place) => place < FINALISTS || chosen.includes(r.key));
    const finalists = best.flatMap((record) => {
      const { tokens, tiles } = record;
      const { prepared } = judgeCandidate(spec, { bucket, device, tokens, tiles });
      return prepared === undefined ? [] : [{ record, plan: prepared.plan, tokens }];
    });
    // In turns with a control: the best by prediction comes again between the others.
    const turns = turnsOf(finalists.length);
    const inTurns = turns.flatMap((at) => finalists.slice(at, at + 1));
    const { signal = new AbortController().signal } = options;
    const entries = ahead && (await entriesOf(inTurns, device, ahead, signal));
    const kernels = inTurns.map((kernel, turn) => ({ ...kernel, entry: entries?.[turn] }));
    const timed = await timeOn(kernels, { ...options, device }, ({ what }) =>
      onEvent({ event: "clock", bucket, what }),
    );
    const samples = timed.calls.map(({ deviceTime }) => deviceTime?.samples);
    const paired = pairedSeconds(turns, samples);
    const { host, slice, libtpu } = timed;
    for (const [at, { record }] of finalists.entries()) {
      const turn = turns.indexOf(at);
      const call = timed.calls[turn];
      if (call === undefined) continue;
      const { check, deviceTime } = call;
      const why = check.failure?.message ?? "the call was not timed";
      const made: SweepRecord =
        deviceTime === null
          ? droppedAs(record, { stage: "time", kind: "numerics", reason: why })
          : {
              ...record,
              deviceTime: {
                ...{ median: deviceTime.median, quartiles: deviceTime.quartiles },
                ...{ run, host, libtpu, compiled: call.known ? "ahead" : "there" },
                ...defined({ slice, paired: paired[turn] }),
              },
            };
      found.set(made.key, made);
      store.keep(made);
    }
  }
  return fresh.map((record) => found.get(record.key) ?? record);
}
