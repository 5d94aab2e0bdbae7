/** Slots and early experts of a kernel whose rows and passes are chosen: what VMEM has left is theirs. */

import type { LowerInput } from "../../schedule/schedule.ts";
import type { Device } from "../../target/device/device.ts";
import { earlyIn } from "../api/early-tiles.ts";
import type { KernelInput } from "../frame.ts";
import { buffersOf, usageOf } from "../memory/usage.ts";
import type { Composition } from "../part.ts";
import { type Early, earlyAt, earlyOf, usefulSlots } from "../weights/ahead.ts";
import {
  attempt,
  type Fit,
  type FitRequest,
  isTimed,
  LEAST_SKEW,
  meanRows,
  rowBlocks,
  secondsOf,
} from "./fit.ts";

/** Part of VMEM that slots beyond two may fill: what the compiler adds is known to some percent. */
const MOST_FILLED = 0.94;

function withSlots(input: KernelInput, slots: number): KernelInput {
  return { ...input, tiles: { ...input.tiles, slots } };
}

/** Most slots that are of use and that a part of VMEM has room for, beside what the kernel needs at least. */
function slotsFor(
  composition: Composition,
  input: KernelInput,
  device: Device,
  part = MOST_FILLED,
): number {
  const hasRoom = (slots: number): boolean => {
    const { vmem } = usageOf(buffersOf(composition, withSlots(input, slots), device), device);
    return vmem.used <= part * vmem.available;
  };
  // Tiles of a layer that a rule refuses may be no whole number: halves would not come to an end.
  let [most, tooMany] = [input.tiles.slots, Math.floor(usefulSlots(input, device)) + 1];
  // More of them take more room.
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (hasRoom(middle)) most = middle;
    else tooMany = middle;
  }
  return most;
}

/** Rows at hand of an expert beyond so many times its mean are worth less than slots. */
const MOST_SKEW = 4;

/**
 * The same kernel with fewer rows at hand where more slots fit then: the most of them, and of equals
 * the most rows. An expert with more rows than those has its weights read again.
 */
function mostSlots(fit: Fit, request: FitRequest): Fit {
  const { composition, device, tiles, streamed } = request;
  if (!streamed || tiles.slots !== undefined || request.limits !== undefined) return fit;
  const least = MOST_SKEW * meanRows(request, fit.sizes.passes);
  const useful = usefulSlots(fit.input, device);
  let best = { fit, slots: slotsFor(composition, fit.input, device) };
  for (const rowBlock of rowBlocks(request, fit.sizes.allTokens)) {
    if (best.slots >= useful) break;
    if (rowBlock >= fit.rowBlock || rowBlock < least) continue;
    const next = attempt(request, fit.passLimit, rowBlock, fit.atOnce);
    if (next.reads > fit.reads) continue;
    const slots = slotsFor(composition, next.input, device);
    if (slots > best.slots) best = { fit: next, slots };
  }
  return best.fit;
}

/** What is worth filling VMEM and fewer rows at hand: as much less than the least otherwise. */
const WORTH = 0.97;

function slotted(fit: Fit, { composition, device }: FitRequest, part: number): Fit {
  const slots = slotsFor(composition, fit.input, device, part);
  return { ...fit, input: withSlots(fit.input, slots) };
}

/** The same with all of VMEM filled and still fewer rows at hand, as far as each is predicted to be faster. */
function fastest(fit: Fit, request: FitRequest): Fit {
  const least = LEAST_SKEW * meanRows(request, fit.sizes.passes);
  let best = slotted(fit, request, MOST_FILLED);
  for (const rowBlock of [fit.rowBlock, ...rowBlocks(request, fit.sizes.allTokens)]) {
    if (rowBlock > fit.rowBlock || rowBlock < least) continue;
    const fewer = attempt(request, fit.passLimit, rowBlock, fit.atOnce);
    if (fewer.reads > fit.reads) continue;
    const next = slotted(fewer, request, 1);
    if (secondsOf(next, request) < WORTH * secondsOf(best, request)) best = next;
  }
  return best;
}

/**
 * The same kernel with its slots: where none are named and weights stream by, as many as are of use, at
 * the cost of rows at hand that are worth less, and of what VMEM is else left with where that is faster.
 */
export function tradeRows(fit: Fit, request: FitRequest): Fit {
  const { streamed, tiles, limits } = request;
  if (tiles.slots !== undefined) return fit;
  if (!streamed || limits !== undefined) return slotted(fit, request, MOST_FILLED);
  const found = mostSlots(fit, request);
  // Of passes that are chosen by time slots are chosen with them.
  return isTimed(request) ? slotted(found, request, MOST_FILLED) : fastest(found, request);
}

/** The kernel's input with its early experts, and these as the tile table has them. */
export function runAhead(
  { input }: { readonly input: KernelInput },
  { device, tiles, own }: Pick<LowerInput, "device" | "tiles" | "own">,
): { readonly input: KernelInput; readonly early: Early } {
  const early =
    own !== undefined
      ? earlyIn(own)
      : tiles.early !== undefined
        ? { early: tiles.early, earlyTokens: 1 }
        : earlyOf(input, device);
  const found = { ...input.tiles, early: earlyAt(input, early) };
  return { input: { ...input, tiles: found }, early };
}
