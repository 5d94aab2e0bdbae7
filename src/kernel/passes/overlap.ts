/** Passes, one after the other or overlapped: how long a call takes, in so many of them. */
import { goesByBlock, withSums } from "../../plan/call.ts";
import { localExperts, projections, weightBytes } from "../../spec/formats.ts";
import { partUnit, secondsOf } from "../collectives/choose.ts";
import { tablesOf } from "../collectives/part.ts";
import { pushedRows, rowsOfQuarters } from "../feed-forward/pushed.ts";
import { defaultRowCounts, rowCountsAround } from "../feed-forward/rules.ts";
import { type KernelInput, passSlots } from "../frame.ts";
import { shareOf } from "../routing/share.ts";
import { LANES } from "../rows/layout.ts";

/** Routing of a pass and the exchange of its lists, which nothing else overlaps. */
const PHASE_SECONDS = 8e-6;

/** Seconds in which the weights of all local experts come, by as many tiles on their way as have slots. */
export function weightSeconds({ layer, device, ep, tiles }: KernelInput): number {
  const { hbmBandwidth, timing } = device;
  const bytes = (weights: number): number => weights * weightBytes(layer);
  const seconds = (weights: number): number =>
    bytes(weights) / (hbmBandwidth * timing.hbmEfficiency.value);
  const matrices = projections(layer) + 1;
  const tile = seconds(matrices * tiles.bf * tiles.bd);
  const waits = (tile + timing.dmaLatency.value) / ((tiles.slots - 1) * tile);
  const local = matrices * layer.hidden * layer.intermediate * localExperts(layer, ep);
  return seconds(local) * Math.max(1, waits);
}

/** What an expert has in a pass: rows on average and of hardly an expert more, in tiles and in blocks. */
export interface ExpertRows {
  readonly mean: number;
  readonly most: number;
  /** Times that its weights are read. */
  readonly reads: number;
}

/** The same of the average expert, with bodies for the rows that most have. */
function pushedOfQuarters(input: KernelInput, mean: number): number {
  const around = rowCountsAround(input.layer, input.tiles.bt, mean);
  const pushed = rowsOfQuarters(mean).map((rows) => pushedRows(input, rows, around));
  return pushed.reduce((sum, each) => sum + each, 0) / pushed.length;
}

/** Seconds in which the matrix units take all rows of a pass: each row tile pushes an expert's weights. */
function matrixSeconds(input: KernelInput, { mean, most }: ExpertRows): number {
  const { layer, device, ep, tiles } = input;
  const weights = (projections(layer) + 1) * layer.hidden * layer.intermediate;
  const pushed = withSums(input.rows)
    ? pushedOfQuarters(input, mean)
    : pushedRows(input, most, defaultRowCounts(layer, tiles.bt));
  const rows = Math.max(mean, pushed);
  return (2 * weights * rows * localExperts(layer, ep)) / device.bf16Flops;
}

/**
 * Of sums or results in HBM in a pass, seconds in which they go through it, beside products: those that come and go
 * with rows, and once those of all tokens; and those in which the core waits for parts of them.
 */
function sumsSeconds(
  input: KernelInput,
  { mean }: ExpertRows,
): readonly [moved: number, waits: number] {
  const { layer, layout, ep, byNeed, sizes, device, rows } = input;
  if (!withSums(rows)) return [0, 0];
  const { hbmBandwidth, timing } = device;
  const seconds = (bytes: number): number => bytes / (hbmBandwidth * timing.hbmEfficiency.value);
  const [sum, part] = [layout.sumRow * LANES * 4, layout.partRow * LANES * 4];
  const there = 2 * sum * mean * localExperts(layer, ep);
  if (byNeed !== undefined) {
    // Cleared and packed as many as come; own ones added up from as many that come back.
    const coming = shareOf(layer, ep) * (ep - 1) * sizes.passTokens;
    const both = 2 * coming + 2 * sizes.passTokens;
    return [seconds(there), seconds(both * sum + coming * part)];
  }
  // What arrived, what is packed, and own ones back and in; of sums all are cleared, and all parts come.
  const all = rows === "hbm with results" ? 0 : sizes.allTokens + ep * sizes.sentTokens;
  const own = (all + sizes.passTokens) * sum;
  const moved = sizes.sentTokens * (sum + 2 * (ep - 1) * part);
  // Each part waits until it is back, and for the first of what arrived.
  const waits = ep === 1 ? 0 : tablesOf(input).reduce * timing.dmaLatency.value;
  return [seconds(there + own + moved), waits];
}

/**
 * Seconds of a call, as far as links, weights and matrix units say. Where passes overlap, rows of the first
 * come alone, sums of the last leave alone, and between them links count, or the slower of the other two
 * with the waits for links that slots of weights do not bridge; else all of a pass before the next.
 */
export function passesSeconds(input: KernelInput, rows: ExpertRows): number {
  const { layer, device, ep, byNeed, layout, parts, sizes, tiles } = input;
  const bytes = (sublanes: number): number => sizes.sentTokens * sublanes * LANES * 4;
  const sent = { device, ep, sentTokens: sizes.sentTokens, unit: partUnit(layout) };
  const blocks = { ...sent, rows: bytes(layout.row), sums: bytes(layout.partRow) };
  // Rows by need go to those devices alone that have an expert for them.
  const share = byNeed === undefined ? 1 : shareOf(layer, ep);
  const links = ep === 1 ? 0 : share * secondsOf(blocks, parts);
  const bandwidth = device.hbmBandwidth * device.timing.hbmEfficiency.value;
  // XLA then copies tokens that do not fill the passes, and the results.
  const padded = sizes.passes * sizes.passTokens > sizes.deviceShare;
  const row = layout.paddedHidden * layout.itemBytes;
  const copied = padded ? (4 * sizes.deviceShare * row) / bandwidth : 0;
  const [moved, ofParts] = sumsSeconds(input, rows);
  const read = rows.reads * weightSeconds(input) + moved;
  const work = Math.max(read, matrixSeconds(input, rows)) + ofParts;
  // As simulated: an expert that waits for what another device sends waits with all slots full; and
  // nothing goes beside the only one.
  const turns = localExperts(layer, ep) * rows.reads;
  const waits = Math.max(1 / tiles.slots, 1 / turns);
  const both = (links: number): number => Math.max(links, work + links * waits);
  if (goesByBlock(input, ep)) {
    // Of an expert's blocks the first waits for its part of the rows, and the last one's sums leave alone.
    const call = Math.max(links, work + links / rows.reads) + PHASE_SECONDS;
    return copied + sizes.passes * call;
  }
  const one = both(links / 2);
  if (passSlots(input) === 1) return copied + sizes.passes * (links + work + PHASE_SECONDS);
  const middle = (sizes.passes - 2) * both(links);
  return copied + links + 2 * one + middle + sizes.passes * PHASE_SECONDS;
}
