/**
 * How many passes a call takes and how many rows of an expert stay at hand: what reads the
 * weights least often, of what fits; then fewer passes, then more rows at hand (less to fear
 * from skew). A pass has fewer than 16 tokens a device where 16 do not fit, where a device has so few and weights
 * want their room, or where the bucket says so.
 */

import { type Limits, SHORT_PASS, unservedShort } from "../api/pass-tiles.ts";
import type { AtOnce } from "../frame.ts";
import { mostAllTokens } from "../routing/words.ts";
import { roundUp } from "../rows/layout.ts";
import { runAhead, tradeRows } from "./ahead.ts";
import {
  attempt,
  type Fit,
  type FitRequest,
  fits,
  heldOf,
  isTimed,
  LEAST_SKEW,
  LEAST_SLOTS,
  meanRows,
  rowBlocks,
  secondsOf,
} from "./fit.ts";
import { roundTokens, sizesOf } from "./sizes.ts";

/** Token rows of a device in one pass that are cut further only where they do not fit. */
const LEAST_PASS = 16;

/** The kernel that the tile table's limits make at this T. */
function fitWithin(request: FitRequest, limits: Limits): Fit {
  const { layer, tokens, ep } = request;
  const { allTokens } = sizesOf(layer, tokens, ep, limits.passTokens, heldOf(request));
  const most = roundUp(allTokens, request.tiles.bt);
  return attempt(request, limits.passTokens, Math.min(limits.rowBlock, most), limits.atOnce);
}

/** Slots to choose from where a spec names none: waits for other devices hold weights up less with more. */
const OVERLAPPED_SLOTS = [4, 3, LEAST_SLOTS];

/** Passes of so many rows, each with as many slots of weights: what is chosen among by time. */
interface Candidate {
  readonly request: FitRequest;
  readonly passLimit: number;
  readonly atOnce: AtOnce;
}

/** Blocks into which an expert's rows are cut at most, where they are cut alike. */
const MOST_BLOCKS = 8;

/** What hardly an expert has more rows than, the half of it, the third: a last block of few reads all weights for them. */
function equalBlocks(request: FitRequest, passes: number): readonly number[] {
  const mean = meanRows(request, passes);
  const most = mean + 3 * Math.sqrt(mean);
  const parts = Array.from({ length: MOST_BLOCKS }, (_, index) => most / (index + 1));
  const { bt } = request.tiles;
  return request.streamed ? [...new Set(parts.map((rows) => roundUp(Math.ceil(rows), bt)))] : [];
}

/** Rows at hand to try, most first: twice an expert's mean at most. */
function blocksAtHand({ request, passLimit }: Candidate): readonly number[] {
  const { ep, tiles, tokens } = request;
  const passes = Math.ceil(Math.ceil(tokens / ep) / passLimit);
  const most = Math.max(tiles.bt, LEAST_SKEW * meanRows(request, passes));
  const halves = rowBlocks(request, passLimit * ep);
  const blocks = new Set([...halves, ...equalBlocks(request, passes)]);
  return [...blocks].filter((rows) => rows <= roundUp(most, tiles.bt)).toSorted((a, b) => b - a);
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

/** Whether weights run further ahead in the one than in the other: in more slots, or from the entry on. */
function runsFurther(one: Fit, other: Fit, request: FitRequest): boolean {
  const [ahead, before] = [one, other].map((fit) => {
    const { input, early } = runAhead(tradeRows(fit, request), request);
    return { slots: input.tiles.slots, early: early.early };
  });
  if (ahead === undefined || before === undefined) return false;
  return ahead.slots > before.slots || (ahead.slots === before.slots && ahead.early > before.early);
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
  // All tokens in one pass of half the rows: what they leave of VMEM is the weights'.
  const { streamed, tiles } = request;
  if (best !== undefined && streamed && share <= SHORT_PASS && tiles.passTokens === undefined) {
    const short = shortest(request);
    if (short !== undefined && short.reads <= best.reads && runsFurther(short, best, request)) {
      return short;
    }
  }
  const found = best ?? shortest(request) ?? smallest;
  if (found === undefined) throw new RangeError("a call has at least one pass");
  return found;
}
