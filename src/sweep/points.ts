/** The candidates of one bucket on one device, by what their weight tiles have in common. */

import type { CompileTargetResult } from "../runner/types.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { between, type Derived } from "./derive.ts";
import { type Judged, judgeCandidate, type Prepared } from "./prepare.ts";
import type { SweepRecord } from "./record.ts";
import { groupBy } from "./winners.ts";

/** One that may win, and what is known of it. */
export interface Candidate {
  readonly judged: Judged;
  readonly prepared: Prepared;
  derived?: Derived;
  record?: SweepRecord;
  /** A compiler has been asked. */
  given: boolean;
  /** It was among the best. */
  finalist?: boolean;
}

/** Candidates that differ in nothing but rows, and the kernel whose bundles serve all of them. */
export interface Point {
  readonly bf: number;
  readonly members: readonly Candidate[];
  readonly probe: Judged;
  /** The one of `members` that `probe` is; absent: it has bodies that none of them has. */
  readonly own?: Candidate;
  counted?: CompileTargetResult;
  /** It was compiled and said nothing. */
  failed?: boolean;
}

/** Points that differ in `bf` alone, ascending. */
export type Line = readonly Point[];

/** Those that the plan does not refuse. */
export function candidatesAmong(judged: readonly Judged[]): readonly Candidate[] {
  return judged.flatMap((each) =>
    each.prepared === undefined ? [] : [{ judged: each, prepared: each.prepared, given: false }],
  );
}

/** Lines of the candidates of one bucket on one device. */
export function linesOf(spec: MoeSpec, candidates: readonly Candidate[]): readonly Line[] {
  const lines = groupBy(
    candidates,
    ({ judged, prepared }) => `${judged.id.tiles.bd} ${prepared.kernel.tiles.streamed}`,
  );
  return [...lines.values()].map((line) =>
    [...groupBy(line, ({ judged }) => judged.id.tiles.bf)]
      .sort(([a], [b]) => a - b)
      .map(([bf, members]) => pointOf(spec, bf, members)),
  );
}

/** The largest kernel of a point, with the row bodies of all where it can have them. */
function pointOf(spec: MoeSpec, bf: number, members: readonly Candidate[]): Point {
  const btc = ({ prepared }: Candidate): readonly number[] => prepared.kernel.tiles.btc;
  const largest = members.reduce((a, b) => (b.judged.id.tiles.bt > a.judged.id.tiles.bt ? b : a));
  const [first = 0, ...rest] = [...new Set(members.flatMap(btc))].sort((a, b) => a - b);
  if (rest.length + 1 === btc(largest).length) {
    return { bf, members, probe: largest.judged, own: largest };
  }
  const { id } = largest.judged;
  const bucket = spec.schedule.tiles[id.bucket];
  if (bucket === undefined) throw new RangeError(`no bucket ${id.bucket}`);
  const all = { ...bucket, btc: [first, ...rest] as const };
  const tiles = { ...spec.schedule.tiles, [id.bucket]: all };
  const probe = judgeCandidate({ ...spec, schedule: { ...spec.schedule, tiles } }, id);
  if (probe.prepared === undefined) return { bf, members, probe: largest.judged, own: largest };
  return { bf, members, probe };
}

/** Points of a line whose bundles do not follow from those that are known: first its ends. */
export function missing(line: Line): readonly Point[] {
  const unknown = (point: Point | undefined): readonly Point[] =>
    point === undefined || point.counted !== undefined || point.failed ? [] : [point];
  const [first, last] = [line[0], line.at(-1)];
  const ends = [...new Set([...unknown(first), ...unknown(last)])];
  if (ends.length > 0) return ends;
  for (const point of line) {
    if (point.counted !== undefined) continue;
    const found = follows(point, first, last);
    if (found !== undefined) point.counted = found;
  }
  return line.flatMap(unknown);
}

function follows(
  { bf, failed }: Point,
  first: Point | undefined,
  last: Point | undefined,
): CompileTargetResult | undefined {
  const [least, most] = [first?.counted?.bundles, last?.counted?.bundles];
  if (failed || !first?.counted || !last || !least || !most) return undefined;
  const bundles = between(least, most, (bf - first.bf) / (last.bf - first.bf));
  return bundles && { ...first.counted, bundles };
}

/** Whether a point's bundles have all row bodies of a candidate. */
export function serves({ probe }: Point, { prepared }: Candidate): boolean {
  const bodies = probe.prepared?.kernel.tiles.btc ?? [];
  return prepared.kernel.tiles.btc.every((rows) => bodies.includes(rows));
}
