/** Copies of scales: each goes with the copy of its weight tile. */
import { scaleRef } from "../../emit/quantization.ts";
import { gateUpCopies, gateUpRefs } from "../../emit/weight-layouts.ts";
import type { Stream } from "../../plan/plan.ts";
import type { Fit } from "./fit.ts";
import { expertTiles, loadOf } from "./load.ts";
import { sharedBuffers } from "./scales.ts";

export function scaleStreams(fit: Fit): readonly Stream[] {
  const { layer, streamed } = fit.input;
  if (layer.quantization === undefined) return [];
  const load = loadOf(fit);
  const tiles = expertTiles(fit);
  const trips = load.activeExperts * load.reads;
  const stream = {
    from: "HBM",
    to: "VMEM",
    remote: false,
    issuedBy: streamed ? "await_weights" : "merge",
    awaitedBy: "await_weights",
  } as const;
  return [
    {
      name: "gate_up_scales_in",
      ...stream,
      source: gateUpRefs(layer.weights).map(scaleRef).join(", "),
      destination: "gate_up_scales",
      semaphore: "gate_up_arrived",
      bytes: trips * load.scaleBytes.gateUp,
      copies: trips * tiles.gateUp * gateUpCopies(layer).length,
      meaning: "scales of gate and up weights, with their tiles",
    },
    {
      name: "down_scales_in",
      ...stream,
      source: "down_scale",
      destination: "down_scales",
      semaphore: "down_arrived",
      bytes: trips * load.scaleBytes.down,
      copies: trips * tiles.down,
      meaning: "scales of down weights, with their tiles",
    },
  ];
}

/** The shared experts', with their tiles as well. */
export function sharedScaleStreams(fit: Fit): readonly Stream[] {
  const { shared } = loadOf(fit);
  const buffers = sharedBuffers(fit.input.layer);
  const [, gateUp] = buffers.gateUp;
  const [, down] = buffers.down;
  if (shared === undefined || gateUp === undefined || down === undefined) return [];
  const { reads, tiles, scaleBytes } = shared;
  const stream = {
    from: "HBM",
    to: "VMEM",
    remote: false,
    issuedBy: "load_rows",
    awaitedBy: "await_shared",
  } as const;
  return [
    {
      name: "shared_gate_up_scales_in",
      ...stream,
      source: "shared_gate_scale, shared_up_scale",
      destination: gateUp,
      semaphore: "gate_up_arrived",
      bytes: reads * scaleBytes.gateUp,
      copies: 2 * reads * tiles.gateUp,
      meaning: "scales of the shared experts' gate and up columns, with their tiles",
    },
    {
      name: "shared_down_scales_in",
      ...stream,
      source: "shared_down_scale",
      destination: down,
      semaphore: "down_arrived",
      bytes: reads * scaleBytes.down,
      copies: reads * tiles.down,
      meaning: "scales of the shared experts' down rows, with their tiles",
    },
  ];
}
