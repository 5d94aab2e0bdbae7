/**
 * At least how long a candidate takes, by what was counted of others. A stage costs the same in every
 * kernel with the same weight tile, and a body the same for every T; what was counted of another tile or
 * of a body of other rows is scaled, and less than that is taken. It ranks candidates: what it ranks
 * first is compiled, until the first is one that was.
 */

import { allOf } from "../plan/call.ts";
import type { Stage } from "../plan/plan.ts";
import type { Estimator } from "../profile/estimate.ts";
import type { KernelProfile } from "../profile/profile.ts";
import type { Bundles } from "../runner/types.ts";
import { type Counted, familyIn, type StageCount } from "./counted.ts";
import type { Prepared } from "./prepare.ts";

export interface Derived {
  /** Of one call: as of a compiled candidate, or less. */
  readonly seconds: number;
  readonly cycles: number;
  /** All of it was counted, in kernels of the same weight tile. */
  readonly exact: boolean;
}

/**
 * Of what was counted elsewhere so much is taken: of a body for other rows, and in proportion to another
 * weight tile; of a wider one so much of that again. Of 128 kernels of Qwen3-30B on v6e no body took less
 * than 0.92, 0.70 and, of a tile twice as wide, 0.55 in all.
 */
const SURELY = { rows: 0.9, tile: 0.7, wider: 0.7 } as const;

/** How a stage of a candidate is counted. */
interface Share {
  readonly stage: Stage;
  readonly count: StageCount;
  readonly scale: number;
  readonly exact: boolean;
}

/** A candidate's stages, each with what is known of it. */
export interface Composed {
  readonly prepared: Prepared;
  readonly shares: readonly Share[];
  /** Of a call. */
  readonly cycles: number;
  /** Of all that runs, each once. */
  readonly bundles: number;
  readonly exact: boolean;
  /** The same where nothing is known that was not. */
  readonly sign: string;
}

/** The nearest of what is known for each stage; undefined where no kernel of the device is known. */
export function compose(prepared: Prepared, known: readonly Counted[]): Composed | undefined {
  const near = known
    .filter((each) => each.prepared.id.device === prepared.id.device)
    .map((each) => ({ ...each, away: distance(prepared, each.prepared) }))
    .sort((a, b) => a.away - b.away || elsewhere(prepared, a) - elsewhere(prepared, b));
  const alike = near.find((each) => sameBucket(prepared, each.prepared)) ?? near[0];
  if (alike === undefined) return undefined;
  const shares = allOf(prepared.kernel).stages.flatMap((stage) => {
    const share =
      stage.rows === undefined ? plain(stage, prepared, near) : body(stage, prepared, near);
    return share === undefined ? [] : [share];
  });
  const cycles = shares.reduce(
    (sum, { stage, count, scale }) => sum + count.cycles * scale * stage.trips,
    alike.own,
  );
  const bundles = shares.reduce(
    (sum, { stage, count, scale }) => sum + (stage.trips > 0 ? count.bundles * scale : 0),
    0,
  );
  const sign = shares.map(({ stage, scale, count }) => [
    stage.name,
    Math.round(1000 * scale),
    count.bundles,
    count.cycles,
  ]);
  return {
    ...{ prepared, shares, cycles, bundles, sign: JSON.stringify(sign) },
    exact: alike.away === 0 && shares.every(({ exact }) => exact),
  };
}

/** The mean over all draws of the routing is no less than this share of what one draw takes. */
const ONE_DRAW = 0.95;

/** Its time, by the predictor's simulation of these bundles; `roughly`: at least so long, by one draw. */
export function derive(
  { prepared, shares, cycles, exact }: Composed,
  estimator: Estimator,
  roughly = false,
): Derived {
  const { id, plan } = prepared;
  const bundles: Bundles = {
    total: shares.reduce((sum, { count, scale }) => sum + count.bundles * scale, 0),
    tracing: 0,
    scopes: Object.fromEntries(
      shares.map(({ stage, count, scale }) => [stage.name, count.bundles * scale]),
    ),
    loops: shares.flatMap(({ stage, count, scale }) =>
      count.loops.map(({ depth, own }) => ({
        ...{ scope: stage.name, depth, bundles: own * scale, own: own * scale, loops: [] },
      })),
    ),
  };
  const { device, tokens } = id;
  const profiled = { plan, device, tokens, bundles, profile: profileOf(cycles) };
  if (!roughly) return { seconds: estimator(profiled).seconds, cycles, exact };
  return { seconds: ONE_DRAW * estimator(profiled, 1).seconds, cycles, exact: false };
}

/** Of which the total alone is known. */
function profileOf(cycles: number): KernelProfile {
  const none = { bundles: 0, delay: 0, spills: 0, fills: 0, waits: 0, slots: [], bound: null };
  const total = { stage: "total", runs: 1, cycles, distance: null, ...none };
  return { stages: [], total, unknownTrips: [] };
}

interface Near extends Counted {
  /** 0: the same weight tile. */
  readonly away: number;
}

const sameBucket = (a: Prepared, b: Prepared): boolean => a.id.bucket === b.id.bucket;
const elsewhere = (of: Prepared, { prepared }: Counted): number =>
  sameBucket(of, prepared) ? 0 : 1;
const sameKind = (a: Prepared, b: Prepared): boolean =>
  a.kernel.tiles.streamed === b.kernel.tiles.streamed;

/** How unlike their weight tiles are. */
function distance(a: Prepared, b: Prepared): number {
  const [one, other] = [a.kernel.tiles, b.kernel.tiles];
  const apart = (x: number, y: number): number => Math.abs(Math.log(x / y));
  return (sameKind(a, b) ? 0 : 10) + apart(one.bf, other.bf) + apart(one.bd, other.bd);
}

/** Of what was counted where a copy between devices takes other rows: of fewer in proportion, of more as it is. */
function copiesAs({ kernel: { tiles } }: Prepared, known: Prepared): number {
  const [rows, counted] = [tiles.own.run_rows ?? 1, known.kernel.tiles.own.run_rows ?? 1];
  return Math.min(1, rows / counted);
}

const sameCopies = (a: Prepared, b: Prepared): boolean =>
  a.kernel.tiles.own.run_rows === b.kernel.tiles.own.run_rows;

/** What has no rows of its own: it depends on T and on rows that a copy takes, hardly on the weight tile. */
function plain(stage: Stage, prepared: Prepared, near: readonly Near[]): Share | undefined {
  const having = near.filter(({ stages }) => stages.has(stage.name));
  const alike = having.filter((each) => sameBucket(prepared, each.prepared));
  const found = alike.find((each) => sameCopies(prepared, each.prepared)) ?? alike[0] ?? having[0];
  const count = found?.stages.get(stage.name);
  if (found === undefined || count === undefined) return undefined;
  const here = sameBucket(prepared, found.prepared);
  const exact = here && found.away === 0 && sameCopies(prepared, found.prepared);
  // Of another T nothing is sure.
  return { stage, count, scale: here ? copiesAs(prepared, found.prepared) : 0, exact };
}

/** A body for so many rows: of the same weight tile, or the most that is surely known of it. */
function body(stage: Stage, prepared: Prepared, near: readonly Near[]): Share | undefined {
  const here = near.filter(({ away }) => away === 0);
  const [count] = here.flatMap(({ stages }) => stages.get(stage.name) ?? []);
  if (count !== undefined) return { stage, count, scale: 1, exact: true };
  const rest = near.filter(({ away }) => away > 0);
  const bounds = [byRows(stage, here), byTile(stage, prepared, rest)];
  return bounds.reduce((a, b) => (a && b ? (costOf(a) > costOf(b) ? a : b) : (a ?? b)), undefined);
}

const costOf = ({ count, scale }: Share): number => count.bundles * scale;

/** Of the same body for other rows. */
function byRows(stage: Stage, kernels: readonly Near[]): Share | undefined {
  const known = new Map<number, StageCount>();
  for (const { prepared, stages } of kernels) {
    for (const { rows = 0, name } of familyIn(prepared.kernel, stage)) {
      const count = stages.get(name);
      if (count !== undefined && !known.has(rows)) known.set(rows, count);
    }
  }
  const wanted = stage.rows ?? 0;
  const [count] = [...known.values()];
  if (count === undefined) return undefined;
  const costs = [...known].map(([rows, { bundles }]) => ({ rows, bundles }));
  const bundles = SURELY.rows * leastBetween(costs, wanted);
  return { stage, count, scale: count.bundles > 0 ? bundles / count.bundles : 1, exact: false };
}

/**
 * Least bundles for so many rows: between two known counts four fifths of the line, beyond the last half
 * its slope, before the first in proportion.
 */
function leastBetween(
  costs: readonly { readonly rows: number; readonly bundles: number }[],
  wanted: number,
): number {
  const sorted = [...costs].sort((a, b) => a.rows - b.rows);
  const after = sorted.find(({ rows }) => rows > wanted);
  const [before, earlier] = sorted.filter(({ rows }) => rows < wanted).reverse();
  if (before === undefined) return after === undefined ? 0 : (after.bundles * wanted) / after.rows;
  const other = after ?? earlier;
  if (other === undefined) return before.bundles;
  const slope = (other.bundles - before.bundles) / (other.rows - before.rows);
  const line = before.bundles + slope * (wanted - before.rows) * (after === undefined ? 0.5 : 1);
  return Math.max(before.bundles, after === undefined ? line : 0.8 * line);
}

/** Of another weight tile, by the work of one run. */
function byTile(stage: Stage, prepared: Prepared, kernels: readonly Near[]): Share | undefined {
  const having = kernels.filter(({ stages }) => stages.has(stage.name));
  const [found] = having.length > 0 ? having : kernels;
  if (found === undefined) return undefined;
  const count = found.stages.get(stage.name);
  const share = count ? { stage, count, scale: 1, exact: false } : byRows(stage, [found]);
  if (share === undefined) return undefined;
  const [tiles, known] = [prepared.kernel.tiles, found.prepared.kernel.tiles];
  const [bf, bd] = [tiles.bf / known.bf, tiles.bd / known.bd];
  const narrower = Math.min(1, bf) * Math.min(1, bd);
  // A wider tile may take far less than in proportion, but no less than a narrow one.
  const wider = Math.max(1, SURELY.wider * Math.max(1, bf) * Math.max(1, bd));
  return { ...share, scale: share.scale * SURELY.tile * narrower * wider };
}
