/** A kernel with so many rows a pass and of an expert at hand: whether it fits, and what it takes. */

import { type Held, inHbm, listsInHbm, withSums } from "../../plan/call.ts";
import type { ByNeed } from "../../plan/plan.ts";
import type { TileRequest } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { chanceOfExpert } from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import type { Limits } from "../api/pass-tiles.ts";
import { choose, hasRoom, partUnit, type Transport, wholeParts } from "../collectives/choose.ts";
import { type AtOnce, type KernelInput, passesOverlap, type Sizes, type Ways } from "../frame.ts";
import { keepsWeights } from "../load.ts";
import { buffersOf, usageOf } from "../memory/usage.ts";
import type { Composition } from "../part.ts";
import { MOST_ROUTE_WORDS, mostAllTokens } from "../routing/words.ts";
import { LANES, type Layer, layoutOf, roundUp } from "../rows/layout.ts";
import { sumsGoStraight } from "../rows/types.ts";
import { passesSeconds } from "./overlap.ts";
import { sentOf, sizesOf } from "./sizes.ts";

/** Where a spec names no number: what more there are of takes no room from rows. */
export const LEAST_SLOTS = 2;

export interface Fit {
  readonly input: KernelInput;
  readonly sizes: Sizes;
  /** Most token rows a device contributes to a pass: `pass_tokens` of the tile table. */
  readonly passLimit: number;
  readonly rowBlock: number;
  /** Passes that are here at a time. */
  readonly atOnce: AtOnce;
  /** Times an expert's rows go through it under uniform routing. */
  readonly reads: number;
}

export interface FitRequest {
  readonly composition: Composition;
  readonly layer: Layer;
  readonly ep: number;
  readonly device: Device;
  readonly tiles: TileRequest;
  readonly tokens: number;
  readonly streamed: boolean;
  readonly ways: Ways;
  /** Operands of 8 bits. */
  readonly narrow: boolean;
  readonly limits?: Limits;
  readonly transport: Transport;
  /** Kinds that the package is for: a kernel that is made may run on another. */
  readonly kinds: readonly Device[];
  /** Largest T for which each device routes the tokens of all. */
  readonly routeAllTokens: number;
  /** To whom token rows go, of those that need them. Absent: to all. */
  readonly byNeed?: ByNeed;
}

/**
 * Parts of the rows of one device in one pass: as asked for, or what is predicted to be fastest for
 * all of its rows at once, so that it is predicted once for a bucket and not for each pass size.
 */
function partsOf(
  { layer, ep, device, tiles, tokens, transport, kinds, byNeed }: FitRequest,
  sizes: Sizes,
): number {
  if (byNeed !== undefined) return 0;
  const layout = layoutOf(layer);
  const { row, partRow } = layout;
  const all = sentOf(Math.ceil(tokens / ep), Number.POSITIVE_INFINITY, tiles.rows);
  const unit = partUnit(layout);
  const bytes = (sublanes: number): number => all * sublanes * LANES * 4;
  const straight = sumsGoStraight(layer);
  const sums = straight ? {} : { sums: bytes(partRow) };
  const rows = bytes(row);
  // Sums in HBM are waited for on their way to VMEM and back.
  const wait = withSums(tiles.rows) ? 2 * device.timing.dmaLatency.value : 0;
  const steps = { stepSeconds: wait * sizes.passes };
  const chosen = choose(transport, { device, ep, sentTokens: all, unit, rows, ...sums, ...steps });
  const parts = wholeParts(chosen, sizes.sentTokens, unit);
  return straight || parts === 0 || hasRoom(device, kinds, { ep, parts }) ? parts : 0;
}

/** The kernel with so many rows a pass and at hand, whether or not it fits. */
export function attempt(
  request: FitRequest,
  passLimit: number,
  rowBlock: number,
  atOnce: AtOnce = 1,
): Fit {
  const { layer, ep, device, tiles, tokens, streamed, narrow } = request;
  const layout = layoutOf(layer, inHbm(tiles.rows));
  const all = tokens <= request.routeAllTokens;
  const sizes = sizesOf(layer, tokens, ep, passLimit, heldOf(request), all);
  const input: KernelInput = {
    layer,
    layout,
    ep,
    device,
    parts: partsOf(request, sizes),
    sizes,
    tiles: { ...tiles, slots: tiles.slots ?? LEAST_SLOTS, early: 0, rowBlock },
    streamed,
    // One device has no passes that overlap.
    rows: ep === 1 && tiles.rows === "two passes" ? "vmem" : (tiles.rows ?? "vmem"),
    atOnce,
    ...defined({ byNeed: request.byNeed }),
    ways: request.ways,
    narrow,
  };
  const mean = meanRows(request, sizes.passes);
  const blocks = streamed ? Math.ceil(mean / rowBlock) : 1;
  return { input, sizes, passLimit, rowBlock, atOnce, reads: sizes.passes * Math.max(1, blocks) };
}

/** Whether VMEM and SMEM have room for it, and an index for its rows. */
export function fits({ input, sizes }: Fit, { composition, device }: FitRequest): boolean {
  const { vmem, smem } = usageOf(buffersOf(composition, input, device), device);
  return (
    sizes.allTokens <= mostAllTokens(input) &&
    (!inHbm(input.rows) || listsInHbm(input) || input.ep * sizes.routeWords <= MOST_ROUTE_WORDS) &&
    vmem.used <= vmem.available &&
    smem.used <= smem.available
  );
}

/** Where rows lie and to whom they go. */
export const heldOf = ({ tiles: { rows }, byNeed }: FitRequest): Held => ({ rows, byNeed });

/** Rows of an expert in a pass, uniform routing. */
export function meanRows({ layer, tokens }: FitRequest, passes: number): number {
  return Math.ceil((tokens / passes) * chanceOfExpert(layer));
}

/** Row blocks to try: all rows of a pass, then halves, down to one row tile. */
export function rowBlocks(request: FitRequest, allTokens: number): readonly number[] {
  const { bt } = request.tiles;
  if (!request.streamed) return [bt];
  const blocks: number[] = [];
  for (let rows = roundUp(allTokens, bt); rows > bt; rows = roundUp(Math.ceil(rows / 2), bt)) {
    blocks.push(rows);
  }
  return [...blocks, bt];
}

/** Rows at hand of an expert beyond so many times its mean are worth less than what is predicted faster. */
export const LEAST_SKEW = 2;

/**
 * Whether passes are chosen by time: those that may overlap; and with sums in HBM, which leave what an expert
 * has at hand to choose.
 */
export function isTimed({ tiles: { rows = "vmem" }, ep, byNeed }: FitRequest): boolean {
  if (byNeed !== undefined) return rows === "hbm with sums";
  return passesOverlap({ rows, ep });
}

/** What the passes of a call are predicted to take. */
export function secondsOf({ input, sizes, rowBlock }: Fit, request: FitRequest): number {
  const mean = meanRows(request, sizes.passes);
  // Routing at random: hardly an expert has more.
  const most = mean + 3 * Math.sqrt(mean);
  const reads = request.streamed && !keepsWeights(input) ? Math.ceil(most / rowBlock) : 1;
  return passesSeconds(input, { mean, most, reads });
}
