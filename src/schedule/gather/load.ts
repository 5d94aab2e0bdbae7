/** What one device does in one call under uniform routing: rows, active experts, bytes, FLOPs. */
import type { Traffic } from "../../plan/plan.ts";
import type { Fit } from "./fit.ts";

export interface Load {
  readonly localExperts: number;
  /** (token, expert) pairs of one device. */
  readonly routedRows: number;
  /** Expected local experts with at least one row in a pass. */
  readonly activeExperts: number;
  readonly rowsPerExpert: number;
  /** Row tiles of all active experts in all passes. */
  readonly rowTiles: number;
  /** Times an active expert's weights cross HBM. */
  readonly reads: number;
  readonly weightBytes: { readonly gateUp: number; readonly down: number };
  readonly rowBytes: number;
}

export function loadOf(fit: Fit): Load {
  const { layer, ep, layout, sizes, tiles } = fit.input;
  const localExperts = layer.experts / ep;
  const passRows = sizes.tokens / sizes.passes;
  const activeExperts = localExperts * (1 - (1 - layer.topK / layer.experts) ** passRows);
  const rowsPerExpert = (passRows * layer.topK) / ep / activeExperts;
  const tile = layer.hidden * layer.intermediate * layout.itemBytes;
  return {
    localExperts,
    routedRows: (sizes.tokens * layer.topK) / ep,
    activeExperts,
    rowsPerExpert,
    rowTiles: sizes.passes * activeExperts * Math.ceil(rowsPerExpert / tiles.bt),
    reads: fit.reads,
    weightBytes: { gateUp: 2 * tile, down: tile },
    rowBytes: layer.hidden * layout.itemBytes,
  };
}

export function trafficOf(fit: Fit): Traffic {
  const load = loadOf(fit);
  const { layer, ep, sizes } = fit.input;
  const weights = load.weightBytes.gateUp + load.weightBytes.down;
  // Experts that are active in at least one pass.
  const everActive = load.localExperts * (1 - (1 - layer.topK / layer.experts) ** sizes.tokens);
  const routing = layer.routing.where === "kernel" ? layer.experts * 4 : layer.topK * 8;
  const ownRows = sizes.passTokens * sizes.passes;
  const hbm = load.activeExperts * load.reads * weights + ownRows * (2 * load.rowBytes + routing);
  const hbmMinimum = everActive * weights + sizes.deviceShare * (2 * load.rowBytes + routing);
  const rowsOut = (ep - 1) * ownRows * load.rowBytes;
  const lists = (ep - 1) * sizes.passes * sizes.routeWords * 4;
  // A row must reach each other device that owns one of its experts, and one sum must return.
  const peers = (ep - 1) * (1 - (1 - 1 / ep) ** layer.topK);
  const flops = load.routedRows * 6 * layer.hidden * layer.intermediate;
  return {
    hbm,
    hbmMinimum,
    ici: 2 * rowsOut + lists,
    iciMinimum: 2 * sizes.deviceShare * peers * load.rowBytes,
    flops,
    intensity: flops / hbm,
    activeExperts: load.activeExperts,
  };
}
