/** What the report shows of a store, as rows of plain data. */
import type { Dropped, Measured, SweepRecord } from "../sweep/record.ts";
import { isDropped, isMeasured, ranked } from "../sweep/winners.ts";

const MICRO = 1e6;
const MIB = 1024 * 1024;

export interface TileRow {
  readonly bt: number;
  readonly columns: string;
  readonly tiles: string;
  /** Microseconds; null where the candidate was dropped. */
  readonly time: number | null;
  /** Over the best of its bucket and device. */
  readonly ratio: number | null;
  readonly outcome: string;
}

export interface Heatmap {
  readonly bucket: string;
  readonly device: string;
  readonly tokens: number;
  readonly rows: readonly TileRow[];
}

export interface TimeRow {
  readonly device: string;
  readonly tokens: number;
  readonly time: number;
  readonly floor: number;
  readonly bucket: string;
  readonly tiles: string;
}

export interface FitRow {
  readonly device: string;
  readonly bucket: string;
  readonly tiles: string;
  readonly planned: number;
  readonly available: number;
  readonly time: number | null;
  readonly outcome: "fits" | "does not fit" | "failed";
}

export interface StageRow {
  readonly stage: string;
  readonly cycles: number;
  readonly slot: string;
  readonly distance: number | null;
}

export interface WinnerProfile {
  readonly bucket: string;
  readonly device: string;
  readonly tokens: number;
  readonly tiles: string;
  readonly record: Measured;
  readonly rows: readonly StageRow[];
}

export interface SpecReport {
  readonly name: string;
  readonly candidates: number;
  readonly heatmaps: readonly Heatmap[];
  readonly times: readonly TimeRow[];
  readonly fits: readonly FitRow[];
  readonly failures: readonly {
    readonly kind: string;
    readonly stage: string;
    readonly count: number;
  }[];
  readonly winners: readonly WinnerProfile[];
  readonly dropped: readonly Dropped[];
  readonly versions: readonly string[];
}

const tilesText = ({ bt, bf, bd }: SweepRecord["tiles"]): string => `bt ${bt} bf ${bf} bd ${bd}`;

function heatmaps(records: readonly SweepRecord[]): readonly Heatmap[] {
  const places = new Map<string, SweepRecord[]>();
  for (const record of records) {
    const place = `${record.bucket}\0${record.device}`;
    places.set(place, [...(places.get(place) ?? []), record]);
  }
  return [...places.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const times = group.filter(isMeasured).map(({ estimate }) => estimate.seconds);
    const best = Math.min(...times);
    const oneBd = new Set(group.map(({ tiles }) => tiles.bd)).size === 1;
    const sorted = [...group].sort((a, b) => a.tiles.bf - b.tiles.bf || a.tiles.bd - b.tiles.bd);
    const rows = sorted.map((record): TileRow => {
      const { bt, bf, bd } = record.tiles;
      const seconds = isMeasured(record) ? record.estimate.seconds : null;
      return {
        bt,
        columns: oneBd ? `${bf}` : `${bf} · ${bd}`,
        tiles: tilesText(record.tiles),
        time: seconds === null ? null : seconds * MICRO,
        ratio: seconds === null ? null : seconds / best,
        outcome: isDropped(record) ? record.kind : "measured",
      };
    });
    return [{ bucket: first.bucket, device: first.device, tokens: first.tokens, rows }];
  });
}

function fitOf(record: SweepRecord): readonly FitRow[] {
  const { device, bucket, vmem } = record;
  if (vmem.planned === 0) return [];
  const outcome = isMeasured(record)
    ? "fits"
    : isDropped(record) && record.kind === "vmem"
      ? "does not fit"
      : "failed";
  return [
    {
      ...{ device, bucket, outcome, tiles: tilesText(record.tiles) },
      planned: vmem.planned / MIB,
      available: vmem.available / MIB,
      time: isMeasured(record) ? record.estimate.seconds * MICRO : null,
    },
  ];
}

function failures(dropped: readonly Dropped[]): SpecReport["failures"] {
  const counted = new Map<string, number>();
  for (const { kind, stage } of dropped) {
    const key = `${kind}\0${stage}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  return [...counted].map(([key, count]) => {
    const [kind = "", stage = ""] = key.split("\0");
    return { kind, stage, count };
  });
}

/** One report a spec in the store, by name. */
export function reportsOf(records: readonly SweepRecord[]): readonly SpecReport[] {
  const names = [...new Set(records.map(({ spec }) => spec))].sort();
  return names.map((name) => {
    const own = records.filter(({ spec }) => spec === name);
    const dropped = own.filter(isDropped);
    const winners = ranked(own).flatMap(({ records: sorted }): readonly WinnerProfile[] => {
      const [record] = sorted;
      if (record === undefined) return [];
      const rows = record.stages.map(({ stage, cycles, slot, distance }) => ({
        ...{ cycles, distance },
        stage: stage === "" ? "(between stages)" : stage,
        slot: slot ?? "unknown",
      }));
      const { bucket, device, tokens } = record;
      return [{ bucket, device, tokens, tiles: tilesText(record.tiles), record, rows }];
    });
    const versions = own.map(({ versions: { jax, libtpu } }) => `JAX ${jax}, libtpu ${libtpu}`);
    return {
      name,
      candidates: own.length,
      heatmaps: heatmaps(own),
      times: winners.map(({ record, tiles }) => ({
        ...{ device: record.device, tokens: record.tokens, bucket: record.bucket, tiles },
        time: record.estimate.seconds * MICRO,
        floor: record.estimate.floor * MICRO,
      })),
      fits: own.flatMap(fitOf),
      failures: failures(dropped),
      winners,
      dropped,
      versions: [...new Set(versions)],
    };
  });
}
