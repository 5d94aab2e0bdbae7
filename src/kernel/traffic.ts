/** Bytes and FLOPs of one call on one device, and the least that any kernel needs. */
import type { Buffer, Stream, Traffic } from "../plan/plan.ts";
import {
  chanceOfExpert,
  idsOf,
  projections,
  sharedLayer,
  tokenRows,
  weightBytes,
} from "../spec/formats.ts";
import { devicesOf } from "../spec/mesh.ts";
import type { Frame } from "./frame.ts";
import { sharedLoad } from "./shared-experts/load.ts";
import { sharedOf } from "./shared-experts/spread.ts";

/** Bytes to and from the kernel's own buffers in HBM: a copy between devices has an end on each. */
function heldBytes(streams: readonly Stream[], buffers: readonly Buffer[]): number {
  const held = new Set(buffers.filter(({ space }) => space === "HBM").map(({ name }) => name));
  const ends = ({ source, destination }: Stream): number =>
    [source, destination].filter((name) => held.has(name)).length;
  return streams.reduce((sum, stream) => sum + stream.bytes * ends(stream), 0);
}

/**
 * Bytes and FLOPs of one call on one device, with the least of each.
 * @param streams all copies of the kernel
 * @param buffers its buffers: what lies in HBM besides arguments and the result is traffic too
 */
export function trafficOf(
  frame: Frame,
  streams: readonly Stream[],
  buffers: readonly Buffer[],
): Traffic {
  const { layer, ep, layout, sizes, load } = frame;
  const devices = devicesOf(frame);
  const scales = load.scaleBytes.gateUp + load.scaleBytes.down;
  const weights = load.weightBytes.gateUp + load.weightBytes.down + scales;
  // Experts that are active in at least one pass.
  const everActive = load.localExperts * (1 - (1 - chanceOfExpert(layer)) ** sizes.tokens);
  const routing = layer.routing.where === "kernel" ? idsOf(layer) * 4 : layer.topK * 8;
  const ownRows = sizes.passTokens * sizes.passes;
  const shared = sharedOf(layer, devices, frame.byNeed)?.size ?? 0;
  const sharedWeights = 3 * layer.hidden * weightBytes(sharedLayer(layer));
  const both = (bytes: { readonly gateUp: number; readonly down: number }): number =>
    bytes.gateUp + bytes.down;
  const own = sharedLoad(frame);
  const sharedRead =
    own === undefined ? 0 : own.reads * (both(own.weightBytes) + both(own.scaleBytes));
  const hbm =
    load.readExperts * (load.weightReads * weights + load.reads * load.biasBytes) +
    sharedRead +
    ownRows * (2 * load.rowBytes + routing) +
    heldBytes(streams, buffers);
  const rowMinimum = 2 * layer.hidden * layout.itemBytes;
  const sentMinimum =
    layer.hidden * (layout.itemBytes + (tokenRows(layer) === undefined ? layout.itemBytes : 1));
  const hbmMinimum =
    everActive * (weights + load.biasBytes) +
    (shared * sharedWeights) / devices +
    sizes.deviceShare * (rowMinimum + routing);
  const remote = streams.filter((stream) => stream.remote);
  // A row must reach each other device that has one of its experts, and one sum must return.
  const peers = (devices - 1) * (1 - (1 - 1 / ep) ** layer.topK);
  const matrices = projections(layer) + 1;
  const flops =
    2 *
    matrices *
    layer.hidden *
    (load.routedRows * layer.intermediate + (sizes.tokens * shared) / devices);
  return {
    hbm,
    hbmMinimum,
    ici: remote.reduce((sum, { bytes }) => sum + bytes, 0),
    iciMinimum: sizes.deviceShare * peers * sentMinimum,
    flops,
    intensity: flops / hbm,
    activeExperts: load.activeExperts,
  };
}
