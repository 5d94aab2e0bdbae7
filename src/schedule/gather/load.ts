/** What one device does in one call under uniform routing: rows, active experts, bytes, FLOPs. */

import type { Traffic } from "../../plan/plan.ts";
import { sharedLayer, tokenRows, weightBytes } from "../../spec/formats.ts";
import type { Fit } from "./fit.ts";
import { LANES, type Layer } from "./layout.ts";
import { expertScaleBytes } from "./scales.ts";
import { sharedOf, sharedTileOf } from "./shared.ts";
import { tileCounts, tileShapeOf } from "./tile-shape.ts";

/** The shared experts on one device, in one call. */
export interface SharedLoad {
  /** Tokens it computes them for. */
  readonly rows: number;
  readonly rowTiles: number;
  /** Times its columns cross HBM. */
  readonly reads: number;
  /** Weight tiles of its columns: of gate and up, and of down. */
  readonly tiles: { readonly columns: number; readonly gateUp: number; readonly down: number };
  readonly weightBytes: { readonly gateUp: number; readonly down: number };
  /** Bytes of their scales. */
  readonly scaleBytes: { readonly gateUp: number; readonly down: number };
}

export interface Load {
  readonly localExperts: number;
  /** (token, expert) pairs of one device. */
  readonly routedRows: number;
  /** Expected local experts with at least one row in a pass. */
  readonly activeExperts: number;
  readonly rowsPerExpert: number;
  /** The same as a whole number of rows: what picks a body and counts tiles. */
  readonly typicalRows: number;
  /** Row tiles of all active experts in all passes. */
  readonly rowTiles: number;
  /** Times an active expert's weights cross HBM. */
  readonly reads: number;
  readonly weightBytes: { readonly gateUp: number; readonly down: number };
  /** Float32 scales of one expert's weights, or 0. */
  readonly scaleBytes: { readonly gateUp: number; readonly down: number };
  /** Float32 biases of one expert, or 0. */
  readonly biasBytes: number;
  /** A token or result row in HBM. */
  readonly rowBytes: number;
  /** A token row, and a row of partial sums, between devices. */
  readonly sentRowBytes: number;
  readonly partRowBytes: number;
  readonly shared?: SharedLoad;
}

/** Whether arrays that belong to no expert are brought to VMEM once a call. */
export function hasConstants({ routing, sharedExperts }: Layer): boolean {
  const biased = routing.where === "kernel" && routing.correctionBias === true;
  return biased || sharedExperts?.gate === "sigmoid";
}

function sharedLoad(fit: Fit): SharedLoad | undefined {
  const { layer, ep, sizes, tiles, streamed } = fit.input;
  const shared = sharedOf(layer, ep);
  if (shared === undefined) return undefined;
  const shape = tileShapeOf(layer, tiles);
  const positions = shared.blocks * sizes.passTokens;
  const columns = shared.columns / sharedTileOf(shared, shape);
  const bytes = layer.hidden * shared.columns * weightBytes(sharedLayer(layer));
  const others = positions - sizes.passTokens;
  const rowTiles = streamed
    ? Math.ceil(positions / tiles.bt)
    : Math.ceil(sizes.passTokens / tiles.bt) + Math.ceil(others / tiles.bt);
  return {
    rows: positions * sizes.passes,
    rowTiles: rowTiles * sizes.passes,
    reads: sizes.passes * (streamed ? Math.ceil(positions / tiles.rowBlock) : 1),
    tiles: {
      columns,
      gateUp: streamed ? columns * (layer.hidden / shape.gateUpRows) : columns,
      down: streamed ? columns * (layer.hidden / shape.downColumns) : columns,
    },
    weightBytes: { gateUp: 2 * bytes, down: bytes },
    scaleBytes: expertScaleBytes(sharedLayer(layer), shared.columns),
  };
}

export function loadOf(fit: Fit): Load {
  const { layer, ep, layout, sizes, tiles } = fit.input;
  const localExperts = layer.experts / ep;
  const passRows = sizes.tokens / sizes.passes;
  const activeExperts = localExperts * (1 - (1 - layer.topK / layer.experts) ** passRows);
  const rowsPerExpert = (passRows * layer.topK) / ep / activeExperts;
  const typicalRows = Math.max(1, Math.round(rowsPerExpert));
  const tile = layer.hidden * layer.intermediate * weightBytes(layer);
  const shared = sharedLoad(fit);
  return {
    localExperts,
    routedRows: (sizes.tokens * layer.topK) / ep,
    activeExperts,
    rowsPerExpert,
    typicalRows,
    rowTiles: sizes.passes * activeExperts * Math.ceil(typicalRows / tiles.bt),
    reads: fit.reads,
    weightBytes: { gateUp: 2 * tile, down: tile },
    scaleBytes: expertScaleBytes(layer),
    biasBytes: layer.biases === true ? 4 * (2 * layer.intermediate + layout.paddedHidden) : 0,
    rowBytes: layout.paddedHidden * layout.itemBytes,
    sentRowBytes: layout.row * LANES * 4,
    partRowBytes: layout.partRow * LANES * 4,
    ...(shared === undefined ? {} : { shared }),
  };
}

/** Weight tiles of one routed expert, as its copies bring them. */
export function expertTiles(fit: Fit): {
  readonly intermediate: number;
  readonly gateUp: number;
  readonly down: number;
} {
  const { layer, tiles, streamed } = fit.input;
  return streamed ? tileCounts(layer, tiles) : { intermediate: 1, gateUp: 1, down: 1 };
}

export function trafficOf(fit: Fit): Traffic {
  const load = loadOf(fit);
  const { layer, ep, layout, sizes } = fit.input;
  const scales = load.scaleBytes.gateUp + load.scaleBytes.down;
  const weights = load.weightBytes.gateUp + load.weightBytes.down + scales + load.biasBytes;
  // Experts that are active in at least one pass.
  const everActive = load.localExperts * (1 - (1 - layer.topK / layer.experts) ** sizes.tokens);
  const routing = layer.routing.where === "kernel" ? layer.experts * 4 : layer.topK * 8;
  const ownRows = sizes.passTokens * sizes.passes;
  const shared = sharedOf(layer, ep)?.size ?? 0;
  const sharedWeights = 3 * layer.hidden * weightBytes(sharedLayer(layer));
  const both = (bytes: { readonly gateUp: number; readonly down: number }): number =>
    bytes.gateUp + bytes.down;
  const sharedRead =
    load.shared === undefined
      ? 0
      : load.shared.reads * (both(load.shared.weightBytes) + both(load.shared.scaleBytes));
  const hbm =
    load.activeExperts * load.reads * weights +
    sharedRead +
    ownRows * (2 * load.rowBytes + routing);
  const rowMinimum = 2 * layer.hidden * layout.itemBytes;
  const sentMinimum =
    layer.hidden * (layout.itemBytes + (tokenRows(layer) === undefined ? layout.itemBytes : 1));
  const hbmMinimum =
    everActive * weights +
    (shared * sharedWeights) / ep +
    sizes.deviceShare * (rowMinimum + routing);
  const rowsOut = (ep - 1) * ownRows * (load.sentRowBytes + load.partRowBytes);
  const lists = (ep - 1) * sizes.passes * sizes.routeWords * 4;
  // A row must reach each other device that owns one of its experts, and one sum must return.
  const peers = (ep - 1) * (1 - (1 - 1 / ep) ** layer.topK);
  const flops =
    6 * layer.hidden * (load.routedRows * layer.intermediate + (sizes.tokens * shared) / ep);
  return {
    hbm,
    hbmMinimum,
    ici: rowsOut + lists,
    iciMinimum: sizes.deviceShare * peers * sentMinimum,
    flops,
    intensity: flops / hbm,
    activeExperts: load.activeExperts,
  };
}
