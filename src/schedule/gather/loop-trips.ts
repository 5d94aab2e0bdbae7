/**
 * How often the loops inside each stage run in one call of one device: what the compiler's bundles
 * of a loop body are multiplied by. Uniform routing, every row group taken as full as it is.
 */
import type { Fit } from "./fit.ts";
import { GROUP, LANES, UNROLL } from "./layout.ts";
import { expertTiles, type Load, loadOf } from "./load.ts";
import { rowMultiple } from "./rules.ts";

/** Outermost loop first; a stage without an entry has loops over the other devices, or none. */
export function loopTripsOf(fit: Fit): Readonly<Record<string, readonly number[]>> {
  const { ep, sizes, tiles, streamed } = fit.input;
  const load = loadOf(fit);
  const { passes, passTokens } = sizes;
  const experts = load.activeExperts * load.reads;
  const peers = (ep - 1) * passes;
  // Own sums are quantised like the others.
  const reduced =
    fit.input.layer.wire?.combine === undefined
      ? [peers, (peers * passTokens) / UNROLL]
      : [ep * passes, (ep * passes * passTokens) / GROUP];
  const rowsPerTile = load.typicalRows / Math.ceil(load.typicalRows / tiles.bt);
  const groupsOf = (rows: number, group: number): number => Math.ceil(rows / group);
  const chunks = (passTokens / sizes.chunk) * passes;
  const tokenGroups = (passTokens / GROUP) * passes;
  const operandRows = rowMultiple(fit.input.layer);
  const rowGroups = load.rowTiles * groupsOf(rowsPerTile, GROUP);
  // Streamed results stay at hand until the whole expert is done.
  const combined = streamed
    ? experts * groupsOf(load.typicalRows, UNROLL)
    : load.rowTiles * groupsOf(rowsPerTile, UNROLL);
  const shared = sharedLoops(load.shared, streamed);
  return {
    ...shared,
    barrier: [ep - 1],
    pass_barrier: [(ep - 1) * (passes - 1)],
    load_rows: [chunks, tokenGroups],
    all_gather_rows: [peers],
    route: [(sizes.laneTokens / LANES) * passes],
    sort: [sizes.deviceShare],
    exchange_routes: [peers],
    active_experts: streamed ? [load.localExperts * passes, experts] : [load.localExperts * passes],
    zero_sums: [(sizes.allTokens / GROUP) * passes],
    await_rows: [peers],
    merge: [experts * ep, experts * ep * groupsOf(load.typicalRows / ep, UNROLL)],
    gather: [load.rowTiles, rowGroups],
    operand: [load.rowTiles * groupsOf(rowsPerTile, operandRows)],
    activation: [experts * expertTiles(fit).intermediate * groupsOf(load.typicalRows, operandRows)],
    combine: [combined],
    reduce_scatter: reduced,
    write_output: [chunks, tokenGroups],
  };
}

/** The shared experts' rows come in tiles too; streamed, all of them stay at hand for a column. */
function sharedLoops(
  shared: Load["shared"],
  streamed: boolean,
): Readonly<Record<string, readonly number[]>> {
  if (shared === undefined) return {};
  const { rows, rowTiles, reads, tiles } = shared;
  const columns = tiles.columns;
  const groups = (rows * (streamed ? 1 : columns)) / GROUP;
  return {
    await_shared: [reads * columns],
    shared_rows: [rowTiles * (streamed ? 1 : columns), groups],
    shared_activation: [(rows * columns) / GROUP],
    shared_combine: [(rows * (streamed ? 1 : columns)) / UNROLL],
  };
}
