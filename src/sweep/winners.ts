/** What a sweep found best: on each device, and for the spec, whose tiles serve all its devices. */
import type { Dropped, Measured, SweepRecord, Tiles } from "./record.ts";

export interface Winner {
  readonly bucket: string;
  readonly tiles: Tiles;
  /** The record on each device. */
  readonly on: readonly Measured[];
  /** Largest ratio of its time to the best of a device: 1 where it is best everywhere. */
  readonly worstRatio: number;
}

/** It compiled: it has cycles and an estimate. */
export function isMeasured(record: SweepRecord): record is Measured {
  return record.status === "ok";
}

/** It failed at some stage, which it names. */
export function isDropped(record: SweepRecord): record is Dropped {
  return record.status === "dropped";
}

/** Times this close are the same prediction; then fewer cycles win. */
export const SAME = 1e-3;

/** Seconds by which a candidate is ranked: measured ones where there are any. */
export function timeOf({ estimate, deviceTime }: Measured): number {
  return deviceTime?.paired ?? deviceTime?.median ?? estimate.seconds;
}

/** Where finalists took turns on a TPU only those of the last time count: nothing else compares. */
function comparable(records: readonly Measured[]): readonly Measured[] {
  const last = new Map<string, string>();
  const place = ({ bucket, device }: Measured): string => `${bucket}\0${device}`;
  for (const record of records) {
    const run = record.deviceTime?.run;
    if (run !== undefined && run > (last.get(place(record)) ?? "")) last.set(place(record), run);
  }
  return records.filter((record) => record.deviceTime?.run === last.get(place(record)));
}

/** Negative where `a` is the better: by time, by cycles where times are the same within `SAME`. */
export function faster(a: Measured, b: Measured): number {
  const [left, right] = [timeOf(a), timeOf(b)];
  return Math.abs(left - right) > SAME * Math.min(left, right) ? left - right : a.cycles - b.cycles;
}

/** Items by what they have in common, in the order of the first of each. */
export function groupBy<T, K>(
  items: readonly T[],
  key: (item: T) => K,
): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

export interface Ranked {
  readonly bucket: string;
  readonly device: string;
  /** Best first. */
  readonly records: readonly Measured[];
}

/**
 * Measured candidates by bucket and device; where some were timed together on a TPU, those alone.
 */
export function ranked(records: readonly SweepRecord[]): readonly Ranked[] {
  const groups = groupBy(comparable(records.filter(isMeasured)), (r) => `${r.bucket}\0${r.device}`);
  return [...groups.values()].flatMap((group) => {
    const sorted = [...group].sort(faster);
    const [first] = sorted;
    return first === undefined
      ? []
      : [{ bucket: first.bucket, device: first.device, records: sorted }];
  });
}

/** Tiles measured on every device that the bucket was swept for; least product of time ratios. */
function winnerOf(bucket: string, records: readonly Measured[]): readonly Winner[] {
  const devices = new Set(records.map(({ device }) => device));
  const best = new Map(
    [...devices].map((device) => {
      const times = records.filter((r) => r.device === device).map(timeOf);
      return [device, Math.min(...times)];
    }),
  );
  const ratio = (r: Measured): number => timeOf(r) / (best.get(r.device) ?? Infinity);
  const groups = groupBy(records, ({ tiles }) => JSON.stringify([tiles.bt, tiles.bf, tiles.bd]));
  return [...groups.values()]
    .filter((group) => new Set(group.map(({ device }) => device)).size === devices.size)
    .flatMap((on) => {
      const [first] = on;
      if (first === undefined) return [];
      const score = on.reduce((sum, r) => sum + Math.log(ratio(r)), 0);
      const cycles = on.reduce((sum, r) => sum + r.cycles, 0);
      const worstRatio = Math.max(...on.map(ratio));
      return [{ winner: { bucket, tiles: first.tiles, on, worstRatio }, score, cycles }];
    })
    .sort((a, b) => (Math.abs(a.score - b.score) > SAME ? a.score - b.score : a.cycles - b.cycles))
    .map(({ winner }) => winner);
}

export interface Choice {
  readonly winners: readonly Winner[];
  /** Buckets for which no tiles do on every device. */
  readonly without: readonly string[];
  /** Weights come in tiles in all buckets or in none: better tiles of another bucket were passed over. */
  readonly madeAlike: boolean;
}

/** One set of tiles a bucket; all of them streamed, or none. */
export function chooseWinners(records: readonly SweepRecord[]): Choice {
  const buckets = [...new Set(records.map(({ bucket }) => bucket))];
  const measured = comparable(records.filter(isMeasured));
  const pick = (of: readonly Measured[]): readonly Winner[] =>
    buckets.flatMap((bucket) =>
      winnerOf(
        bucket,
        of.filter((r) => r.bucket === bucket),
      ).slice(0, 1),
    );
  const free = pick(measured);
  const kinds = new Set(free.flatMap(({ on }) => on.map(({ streamed }) => streamed)));
  const without = (of: readonly Winner[]): readonly string[] =>
    buckets.filter((bucket) => !of.some((winner) => winner.bucket === bucket));
  if (kinds.size <= 1) return { winners: free, without: without(free), madeAlike: false };
  const resident = pick(measured.filter(({ streamed }) => !streamed));
  const streamed = pick(measured.filter((record) => record.streamed));
  // Whole experts at a time where every bucket can: they need no sums between weight tiles.
  const winners = resident.length >= streamed.length ? resident : streamed;
  return { winners, without: without(winners), madeAlike: true };
}
