/** What rows of the matrix take in turn: no feature of its own, or what only some rows can have. */
import { SHORT_PASS, unservedShort } from "../../kernel/api/pass-tiles.ts";
import { narrowRows } from "../../kernel/rows/layout.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { wordsAlong } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { type BucketRows, RUN_ROWS } from "../../spec/schedule.ts";
import type { Row } from "./fields.ts";

/**
 * Of rows in VMEM two passes at once in two of four, where they may be: one of each kind of call. Of those in
 * HBM every other one has its sums there too, and some of the rest the results that they are made of; of a schedule
 * that refuses the others all that can.
 */
export function heldRows(
  row: Row,
  layer: LayerSpec,
  { refusesRows }: Pick<Schedule, "refusesRows">,
  index: number,
): BucketRows {
  const streamed = row.tiles === "streamed";
  if (refusesRows !== undefined) {
    const { identityExperts, deterministic } = layer;
    const plain = identityExperts === undefined && deterministic !== true;
    const may = streamed && plain && refusesRows("hbm with sums", layer) === undefined;
    return row.rows === "hbm" && may ? "hbm with sums" : "vmem";
  }
  const served = streamed && layer.sharedExperts === undefined;
  if (row.rows === "hbm") {
    if (served && index % 2 === 1) return "hbm with sums";
    return served && row.ep > 1 && index % 8 === 0 ? "hbm with results" : "hbm";
  }
  const may = row.ep > 1 && layer.deterministic !== true;
  return row.rows === "vmem" && may && index % 4 >= 2 ? "two passes" : row.rows;
}

/** Most devices of a row that all runs of the matrix have. */
const MOST_DEVICES = 8;

/** How many devices share each expert: two in every other row of a schedule that cuts experts, where they may. */
export function cutColumns(row: Row, layer: LayerSpec, { cutsExperts }: Schedule, index: number) {
  const may =
    cutsExperts === true &&
    2 * row.ep <= MOST_DEVICES &&
    layer.weights !== "side_by_side" &&
    wordsAlong(layer) !== "columns";
  return may && index % 2 === 1 ? ({ tp: 2, tpAxes: ["columns"] } as const) : {};
}

/** The shortest passes, where they serve a row: of rows of 8 bits in every other one. */
export function shortPasses(layer: LayerSpec, ep: number, rows: BucketRows, index: number) {
  const may = ep > 1 && unservedShort(layer, ep, rows) === undefined;
  return may && (!narrowRows(layer) || index % 2 === 1) ? { passTokens: SHORT_PASS } : {};
}

/** Rows of a run that a copy takes: each number in turn, where they leave from VMEM. */
export function runCopies(rows: BucketRows, index: number) {
  const each = RUN_ROWS[Math.floor(index / 3) % RUN_ROWS.length];
  return rows === "vmem" && each !== undefined ? { runRows: each } : {};
}

/** The last expert of the last device is one that no token goes to, where that serves a row: in few. */
export function fewerExperts(layer: LayerSpec, ep: number) {
  const { experts, topK, routing, redundantExperts, identityExperts } = layer;
  const served =
    routing.where === "kernel" && routing.groups === undefined && redundantExperts === undefined;
  const may = ep > 1 && experts > ep;
  if (!served || !may || topK >= experts || identityExperts !== undefined) return {};
  return { experts: experts - 1, heldExperts: experts };
}
