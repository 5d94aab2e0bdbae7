/** What one device does in one call under uniform routing: rows, active experts and their bytes. */
import { type Held, listsInHbm } from "../plan/call.ts";
import {
  chanceOfExpert,
  localExperts,
  projections,
  shareOfExperts,
  weightBytes,
} from "../spec/formats.ts";
import type { KernelInput, Load } from "./frame.ts";
import { LANES } from "./rows/layout.ts";
import { expertScaleBytes } from "./weights/scales.ts";
import { tileCounts } from "./weights/tile-shape.ts";

/**
 * Rows, active experts and bytes of one device in one call, under uniform routing.
 * @param reads times an active expert's rows go through it
 */
export function loadOf(input: KernelInput, reads: number): Load {
  const { layer, ep, layout, sizes, tiles } = input;
  const local = localExperts(layer, ep);
  // The busiest devices have so much of all rows: the last ones have fewer experts that tokens go to.
  const share = local / layer.experts;
  const passRows = sizes.tokens / sizes.passes;
  const none = (1 - chanceOfExpert(layer)) ** passRows;
  const activeExperts = local * (1 - none);
  const rowsPerExpert = (passRows * layer.topK * share * shareOfExperts(layer)) / activeExperts;
  const typicalRows = Math.max(1, Math.round(rowsPerExpert));
  const tile = layer.hidden * layer.intermediate * weightBytes(layer);
  return {
    localExperts: local,
    routedRows: sizes.tokens * layer.topK * share * shareOfExperts(layer),
    activeExperts,
    readExperts: activeExperts + tiles.early * none,
    rowsPerExpert,
    typicalRows,
    rowTiles: sizes.passes * activeExperts * Math.ceil(typicalRows / tiles.bt),
    reads,
    weightReads: keepsWeights(input) ? sizes.passes : reads,
    weightBytes: { gateUp: projections(layer) * tile, down: tile },
    scaleBytes: expertScaleBytes(layer),
    biasBytes: layer.biases === true ? 4 * (2 * layer.intermediate + layout.paddedHidden) : 0,
    rowBytes: layout.paddedHidden * layout.itemBytes,
    sentRowBytes: layout.row * LANES * 4,
    partRowBytes: layout.partRow * LANES * 4,
  };
}

/** Weights stay in their slot for all blocks of an expert's rows: one tile holds them. */
export function keepsWeights(
  kernel: Held & {
    readonly layer: { readonly intermediate: number; readonly hidden: number };
    readonly tiles: { readonly bf: number; readonly bd: number };
  },
): boolean {
  const { layer, tiles } = kernel;
  return listsInHbm(kernel) && tiles.bf === layer.intermediate && tiles.bd === layer.hidden;
}

/** Weight tiles of one routed expert, as its copies bring them. */
export function expertTiles({ layer, tiles, streamed }: KernelInput): {
  readonly intermediate: number;
  readonly gateUp: number;
  readonly down: number;
} {
  return streamed ? tileCounts(layer, tiles) : { intermediate: 1, gateUp: 1, down: 1 };
}
