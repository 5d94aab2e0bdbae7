/**
 * How far the stream of the routed experts' weights runs ahead of their use: slots in VMEM, and the
 * experts whose weights start at the kernel's entry, before it is known whether they have rows.
 */

import {
  chanceOfExpert,
  leastLocalExperts,
  localExperts,
  projections,
  weightBytes,
} from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import { type KernelInput, passesOverlap, type Sizes } from "../frame.ts";
import { expertTiles, keepsWeights } from "../load.ts";
import type { Layer, Layout } from "../rows/layout.ts";
import { LANES } from "../rows/layout.ts";
import { sharedLoad } from "../shared-experts/load.ts";
import { isTiled, sharedOf } from "../shared-experts/spread.ts";
import { expertScaleBytes } from "./scales.ts";

/** Weights of the first experts, started at entry. */
export interface Early {
  /** Local experts, the first ones. */
  readonly early: number;
  /** Least T for which they are started. */
  readonly earlyTokens: number;
}

/**
 * Slots beyond which the stream runs no further ahead to any purpose: HBM is busy from the entry
 * until the first experts are multiplied, and then while the core is held up for a while.
 */
export function usefulSlots(input: KernelInput, device: Device): number {
  const { layer, ep } = input;
  const tiles = expertTiles(input);
  const shared = sharedSlots(input);
  const steps = Math.max(tiles.gateUp, tiles.down);
  const bandwidth = device.hbmBandwidth * device.timing.hbmEfficiency.value;
  const seconds = expertBytes(layer) / bandwidth / steps;
  const all = localExperts(layer, ep) * steps;
  const ahead = Math.ceil(entrySeconds(input, device) / seconds) + SPARE;
  return Math.max(2, 1 + Math.max(shared.gateUp, shared.down) + Math.min(all, ahead));
}

/** Experts that start at entry in a call of these tokens: the generated `Shape` has the same. */
export function earlyAt(input: KernelInput, { early, earlyTokens }: Early): number {
  if (input.sizes.tokens < earlyTokens) return 0;
  const all = Math.min(early, localExperts(input.layer, input.ep));
  const free = input.tiles.slots - 1 - sharedSlots(input).gateUp;
  return input.streamed ? all : Math.min(all, Math.max(0, free));
}

/** Weight tiles on their way beyond those that the entry takes. */
const SPARE = 2;

/**
 * Most early experts where own rows come in several copies, one after the other: each shares HBM with
 * all weights on their way, and all devices wait for the rows.
 */
const MOST_BEFORE_CHUNKS = 2;

/** Bytes of one routed expert that cross HBM. */
function expertBytes(layer: Layer): number {
  const scales = expertScaleBytes(layer);
  const weights = (projections(layer) + 1) * layer.hidden * layer.intermediate;
  return weights * weightBytes(layer) + scales.gateUp + scales.down;
}

/**
 * Seconds from the kernel's entry until the experts with rows are known, as far as figures of the
 * device say: the barrier, rows in, rows and routes to the neighbours, lists to the scalar unit.
 */
export function entrySeconds(
  { layout, ep, sizes }: { readonly layout: Layout; readonly ep: number; readonly sizes: Sizes },
  { timing }: Device,
): number {
  const local = 5 * timing.dmaLatency.value;
  if (ep === 1) return local;
  const bytes = 4 * (layout.row * LANES * sizes.passTokens + sizes.routeWords) * (ep - 1);
  // Copies to devices that are no neighbours share links: as if all took one.
  return local + 2 * timing.remoteLatency.value + bytes / timing.ici.linkBandwidth.value;
}

/** Slots that the shared experts' weights have before routed ones start. */
export function sharedSlots(input: KernelInput): {
  readonly gateUp: number;
  readonly down: number;
} {
  const { layer, ep, streamed, sizes } = input;
  const shared = sharedOf(layer, ep, input.byNeed);
  const load = sharedLoad(input);
  if (shared === undefined || load === undefined || !isTiled(shared, streamed)) {
    return { gateUp: 0, down: 0 };
  }
  const blocks = load.reads / sizes.passes;
  return { gateUp: blocks * load.tiles.gateUp, down: blocks * load.tiles.down };
}

/**
 * Early experts that leave the order of the experts as it is: rows of the first beyond its block come
 * after those of the other early ones, so that which expert a token's sum has first depends on the
 * batch.
 */
export function mostEarly({ layer, streamed }: Pick<KernelInput, "layer" | "streamed">): number {
  return layer.deterministic === true && streamed ? 1 : Number.POSITIVE_INFINITY;
}

/**
 * Experts whose weights start at entry, and from how many tokens on. One is taken while what is
 * gained, its part that is read before the list is there, is worth the chance (1 - k / E)^T that it
 * has no rows and the rest of it is read for nothing; never where that is likelier than not.
 */
export function earlyOf(input: KernelInput, device: Device): Early {
  const { layer, ep, tiles } = input;
  const each = expertTiles(input);
  const shared = sharedSlots(input);
  const free = Math.min(
    (tiles.slots - 1 - shared.gateUp) / each.gateUp,
    (tiles.slots - 1 - shared.down) / each.down,
  );
  const seconds = expertBytes(layer) / (device.hbmBandwidth * device.timing.hbmEfficiency.value);
  const entry = Math.min(entrySeconds(input, device) / seconds, Math.max(0, free));
  // Less than half of a further one is left to the routing.
  const useful = entry <= 1 ? Math.ceil(entry) : Math.round(entry);
  // Where passes may overlap no list is there before all rows have come.
  const rowsFirst = input.sizes.passTokens > input.sizes.chunk && !passesOverlap(input);
  // Rows of the first beyond its block would read its weights again.
  const most = keepsWeights(input) ? 1 : rowsFirst ? MOST_BEFORE_CHUNKS : useful;
  const early = Math.min(useful, most, leastLocalExperts(layer, ep), mostEarly(input));
  if (early <= 0) return { early: 0, earlyTokens: 1 };
  const gain = Math.min(1, entry - (early - 1));
  const chance = Math.min(0.5, gain);
  const some = 1 - chanceOfExpert(layer);
  const earlyTokens = some <= 0 ? 1 : Math.ceil(Math.log(chance) / Math.log(some));
  return { early, earlyTokens: Math.max(1, earlyTokens) };
}
