/** What rows of the matrix take in turn: no feature of its own, or what only some rows can have. */
import { SHORT_PASS, unservedShort } from "../../kernel/api/pass-tiles.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { BucketRows } from "../../spec/schedule.ts";
import type { Row } from "./fields.ts";

/**
 * Of rows in VMEM two passes at once in two of four, where they may be: one of each kind of call. Of those in
 * HBM every other one has its sums there too.
 */
export function heldRows(row: Row, layer: LayerSpec, index: number): BucketRows {
  const narrow = layer.wire?.combine !== undefined;
  const served = row.tiles === "streamed" && layer.sharedExperts === undefined && !narrow;
  if (row.rows === "hbm") return served && index % 2 === 1 ? "hbm with sums" : "hbm";
  const may = row.ep > 1 && layer.deterministic !== true;
  return row.rows === "vmem" && may && index % 4 >= 2 ? "two passes" : row.rows;
}

/** The shortest passes, where they serve a row: few are of rows of `dtype` and not deterministic. */
export function shortPasses(layer: LayerSpec, ep: number, rows: BucketRows) {
  const may = ep > 1 && unservedShort(layer, ep, rows) === undefined;
  return may ? { passTokens: SHORT_PASS } : {};
}

/** The last expert of the last device is one that no token goes to, where that serves a row: in few. */
export function fewerExperts(layer: LayerSpec, ep: number) {
  const { experts, topK, routing, redundantExperts, identityExperts, deterministic, wire } = layer;
  const served =
    routing.where === "kernel" && routing.groups === undefined && redundantExperts === undefined;
  const may = ep > 1 && experts > ep && deterministic !== true && wire?.combine === undefined;
  if (!served || !may || topK >= experts || identityExperts !== undefined) return {};
  return { experts: experts - 1, heldExperts: experts };
}
