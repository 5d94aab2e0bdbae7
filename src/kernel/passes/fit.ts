/**
 * How many passes a call takes and how many rows of an expert stay at hand: what reads the
 * weights least often, of what fits; then fewer passes, then more rows at hand (less to fear
 * from skew). A pass has fewer than 16 tokens a device where 16 do not fit, or where the bucket says so.
 */

import { type Held, inHbm, listsInHbm } from "../../plan/call.ts";
import type { ByNeed } from "../../plan/plan.ts";
import type { TileRequest } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { chanceOfExpert } from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import { type Limits, SHORT_PASS, unservedShort } from "../api/pass-tiles.ts";
import { choose, hasRoom, partUnit, type Transport, wholeParts } from "../collectives/choose.ts";
import { type AtOnce, type KernelInput, passesOverlap, type Sizes, type Ways } from "../frame.ts";
import { keepsWeights } from "../load.ts";
import { buffersOf, usageOf } from "../memory/usage.ts";
import type { Composition } from "../part.ts";
import { MOST_ROUTE_WORDS, mostAllTokens } from "../routing/words.ts";
import { LANES, type Layer, layoutOf, roundUp } from "../rows/layout.ts";
import { sumsGoStraight } from "../rows/types.ts";
import { passesSeconds } from "./overlap.ts";
import { roundTokens, sentOf, sizesOf } from "./sizes.ts";

/** Where a spec names no number: what more there are of takes no room from rows. */
const LEAST_SLOTS = 2;

/** Token rows of a device in one pass that are cut further only where they do not fit. */
const LEAST_PASS = 16;

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
  const held = inHbm(tiles.rows);
  const layout = layoutOf(layer, held);
  const { row, rowPitch, partRow } = layout;
  const all = sentOf(layer, Math.ceil(tokens / ep), Number.POSITIVE_INFINITY);
  const unit = partUnit(layout);
  const bytes = (sublanes: number): number => all * sublanes * LANES * 4;
  const straight = sumsGoStraight(layer);
  const sums = straight ? {} : { sums: bytes(partRow) };
  const rows = bytes(held ? rowPitch : row);
  // Sums in HBM are waited for on their way to VMEM and back.
  const wait = tiles.rows === "hbm with sums" ? 2 * device.timing.dmaLatency.value : 0;
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

function fits({ input, sizes }: Fit, { composition, device }: FitRequest): boolean {
  const { vmem, smem } = usageOf(buffersOf(composition, input, device), device);
  return (
    sizes.allTokens <= mostAllTokens(input) &&
    (!inHbm(input.rows) || listsInHbm(input) || input.ep * sizes.routeWords <= MOST_ROUTE_WORDS) &&
    vmem.used <= vmem.available &&
    smem.used <= smem.available
  );
}

/** Where rows lie and to whom they go. */
const heldOf = ({ tiles: { rows }, byNeed }: FitRequest): Held => ({ rows, byNeed });

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

/** The kernel that the tile table's limits make at this T. */
function fitWithin(request: FitRequest, limits: Limits): Fit {
  const { layer, tokens, ep } = request;
  const { allTokens } = sizesOf(layer, tokens, ep, limits.passTokens, heldOf(request));
  const most = roundUp(allTokens, request.tiles.bt);
  return attempt(request, limits.passTokens, Math.min(limits.rowBlock, most), limits.atOnce);
}

/** Slots to choose from where a spec names none: waits for other devices hold weights up less with more. */
const OVERLAPPED_SLOTS = [4, 3, LEAST_SLOTS];

/** Rows at hand of an expert beyond so many times its mean are worth less than what is predicted faster. */
export const LEAST_SKEW = 2;

/** Passes of so many rows, each with as many slots of weights: what is chosen among by time. */
interface Candidate {
  readonly request: FitRequest;
  readonly passLimit: number;
  readonly atOnce: AtOnce;
}

/** Rows at hand to try, most first: twice an expert's mean at most. */
function blocksAtHand({ request, passLimit }: Candidate): readonly number[] {
  const { ep, tiles, tokens } = request;
  const passes = Math.ceil(Math.ceil(tokens / ep) / passLimit);
  const most = Math.max(tiles.bt, LEAST_SKEW * meanRows(request, passes));
  return rowBlocks(request, passLimit * ep).filter((rows) => rows <= roundUp(most, tiles.bt));
}

function withBlock({ request, passLimit, atOnce }: Candidate, rowBlock: number): Fit {
  return attempt(request, passLimit, rowBlock, atOnce);
}

/** With the most rows at hand that fit; undefined: none do. */
function mostAtHand(candidate: Candidate): Fit | undefined {
  return blocksAtHand(candidate)
    .map((rowBlock) => () => withBlock(candidate, rowBlock))
    .find((made) => fits(made(), candidate.request))?.();
}

/**
 * Whether passes are chosen by time: those that may overlap; and with sums in HBM, which leave what an expert
 * has at hand to choose.
 */
export function isTimed({ tiles: { rows = "vmem" }, ep, byNeed }: FitRequest): boolean {
  if (byNeed !== undefined) return rows === "hbm with sums";
  return passesOverlap({ rows, ep });
}

/** What a call may be cut into, by passes and, where no slots are named, by slots. */
function candidatesOf(request: FitRequest): readonly Candidate[] {
  const share = Math.ceil(request.tokens / request.ep);
  const { tiles } = request;
  const most = tiles.passTokens ?? Number.POSITIVE_INFINITY;
  const found: Candidate[] = [];
  for (let passes = 1; ; passes++) {
    const passLimit = Math.min(roundTokens(Math.ceil(share / passes)), most);
    const fresh = passLimit !== found.at(-1)?.passLimit;
    if (fresh && passLimit * request.ep <= mostAllTokens(heldOf(request))) {
      for (const slots of tiles.slots === undefined ? OVERLAPPED_SLOTS : [tiles.slots]) {
        const slotted = { ...request, tiles: { ...tiles, slots } };
        // One pass alone is the same: a larger T than the bucket's then has room for one at a time.
        found.push({ request: slotted, passLimit, atOnce: 1 });
        if (request.byNeed === undefined) found.push({ request: slotted, passLimit, atOnce: 2 });
      }
    }
    if (passLimit <= LEAST_PASS) return found;
  }
}

/**
 * The fastest of those that fit, of equals the first; undefined: none do. With the most rows at hand, whether or
 * not they fit, a candidate takes no longer than with fewer: whose best is slower than what is found is not tried.
 */
function fastestOf(candidates: readonly Candidate[], request: FitRequest): Fit | undefined {
  const seconds = (fit: Fit): number => secondsOf(fit, request);
  const hopeful = candidates
    .map((candidate, at) => {
      const [most = request.tiles.bt] = blocksAtHand(candidate);
      return { candidate, at, least: seconds(withBlock(candidate, most)) };
    })
    .sort((a, b) => a.least - b.least);
  let best: { readonly fit: Fit; readonly at: number; readonly seconds: number } | undefined;
  for (const { candidate, at, least } of hopeful) {
    if (best !== undefined && least > best.seconds) break;
    const fit = mostAtHand(candidate);
    if (fit === undefined) continue;
    const taken = seconds(fit);
    const faster = best === undefined || taken < best.seconds;
    if (faster || (taken === best?.seconds && at < best.at)) best = { fit, at, seconds: taken };
  }
  return best?.fit;
}

/** The passes that are predicted to take least, overlapped or not, of those that fit; else the smallest. */
function chooseByTime(request: FitRequest): Fit {
  const { tiles, tokens, ep } = request;
  const all = candidatesOf(request);
  // A bucket that names rows of a pass has so many, where they fit.
  const limit = Math.min(roundTokens(Math.ceil(tokens / ep)), tiles.passTokens ?? 0);
  const named =
    tiles.passTokens === undefined ? [] : all.filter(({ passLimit }) => passLimit === limit);
  const best = fastestOf(named, request) ?? fastestOf(all, request);
  const last = all.at(-1);
  if (best !== undefined) return best;
  if (last === undefined) throw new RangeError("a call has at least one pass");
  return withBlock(last, tiles.bt);
}

/** What the passes of a call are predicted to take. */
export function secondsOf({ input, sizes, rowBlock }: Fit, request: FitRequest): number {
  const mean = meanRows(request, sizes.passes);
  // Routing at random: hardly an expert has more.
  const most = mean + 3 * Math.sqrt(mean);
  const reads = request.streamed && !keepsWeights(input) ? Math.ceil(most / rowBlock) : 1;
  return passesSeconds(input, { mean, most, reads });
}

/** The shortest passes, if they serve the layer, with the most rows at hand that fit; else undefined. */
function shortest(request: FitRequest): Fit | undefined {
  const { layer, ep, tiles } = request;
  if (unservedShort(layer, ep, tiles.rows ?? "vmem") !== undefined) return undefined;
  return rowBlocks(request, SHORT_PASS * ep)
    .map((rowBlock) => attempt(request, SHORT_PASS, rowBlock))
    .find((fit) => fits(fit, request));
}

/**
 * The passes and row block that read weights least often, of what fits; else the smallest.
 *
 * @throws RangeError where no pass was tried: with a legal request there is always one.
 */
export function chooseFit(request: FitRequest): Fit {
  if (request.limits !== undefined) return fitWithin(request, request.limits);
  if (isTimed(request)) return chooseByTime(request);
  const share = Math.ceil(request.tokens / request.ep);
  let best: Fit | undefined;
  let smallest: Fit | undefined;
  const most = request.tiles.passTokens ?? Number.POSITIVE_INFINITY;
  for (let passes = 1; ; passes++) {
    const limit = Math.min(roundTokens(Math.ceil(share / passes)), most);
    // Rounded up, several have the same.
    const tried =
      limit === smallest?.passLimit || limit * request.ep > mostAllTokens(heldOf(request));
    for (const rowBlock of tried ? [] : rowBlocks(request, limit * request.ep)) {
      const fit = attempt(request, limit, rowBlock);
      smallest = fit;
      if (!fits(fit, request)) continue;
      if (best === undefined || fit.reads < best.reads) best = fit;
      break;
    }
    // More passes never read less than `passes` times.
    if (limit <= LEAST_PASS || (best !== undefined && passes >= best.reads)) break;
  }
  const found = best ?? shortest(request) ?? smallest;
  if (found === undefined) throw new RangeError("a call has at least one pass");
  return found;
}
