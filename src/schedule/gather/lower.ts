/** One bucket on one device as a plan. */

import type { Axis, KernelPlan } from "../../plan/plan.ts";
import { sharedLayer } from "../../spec/formats.ts";
import type { LowerInput } from "../schedule.ts";
import { dequantizationFor } from "./dequantize.ts";
import { buffersOf, chooseFit, type Fit, SMEM_RESERVE } from "./fit.ts";
import { loadOf, trafficOf } from "./load.ts";
import { takesNarrowRows } from "./rows.ts";
import { defaultRowCounts } from "./rules.ts";
import { toSemaphores } from "./semaphores.ts";
import { isTiled, sharedOf, sharedTileOf } from "./shared.ts";
import { stagesOf } from "./stages.ts";
import { streamsOf } from "./streams.ts";
import { tileShapeOf } from "./tile-shape.ts";

function axesOf(fit: Fit): readonly Axis[] {
  const { layer, ep, sizes, tiles } = fit.input;
  const axis = (name: string, size: number, tile: number, meaning: string): Axis => ({
    name,
    size,
    tile,
    trips: Math.ceil(size / tile),
    meaning,
  });
  const rows = Math.ceil(loadOf(fit).rowsPerExpert);
  return [
    axis("ep", layer.experts, layer.experts / ep, "experts over devices"),
    axis("tokens", sizes.deviceShare, sizes.passTokens, "tokens of a device over passes"),
    axis("bt", rows, tiles.bt, "rows of the average active expert"),
    axis("bf", layer.intermediate, tiles.bf, "intermediate axis"),
    axis("bd", layer.hidden, tiles.bd, "hidden axis"),
  ];
}

/** Weights arrive in tiles where the schedule cuts F or D; else a whole expert at a time. */
function isStreamed({ layer, tiles, streamed }: LowerInput): boolean {
  return streamed === true || tiles.bf < layer.intermediate || tiles.bd < layer.hidden;
}

export function lower(input: LowerInput): KernelPlan {
  const { layer, ep, device, devices, tiles, tokens } = input;
  const streamed = isStreamed(input);
  const btc = tiles.btc ?? defaultRowCounts(layer, tiles.bt);
  const fit = chooseFit({
    layer,
    ep,
    device,
    tiles,
    tokens,
    streamed,
    ways: {
      routed: dequantizationFor(layer, devices),
      shared: dequantizationFor(sharedLayer(layer), devices),
    },
    narrow: takesNarrowRows(layer, devices),
    ...(input.limits === undefined ? {} : { limits: input.limits }),
  });
  const shared = sharedOf(layer, ep);
  const sharedTile =
    shared !== undefined && isTiled(shared, streamed)
      ? sharedTileOf(shared, tileShapeOf(layer, tiles))
      : undefined;
  const buffers = buffersOf(fit.input, device);
  const used = (space: "VMEM" | "SMEM"): number =>
    buffers.filter((b) => b.space === space).reduce((sum, b) => sum + b.bytes, 0);
  return {
    bucket: tiles.bucket,
    device: device.name,
    tokens,
    tiles: {
      bucket: tiles.bucket,
      upTo: tiles.upTo,
      bt: tiles.bt,
      bf: tiles.bf,
      bd: tiles.bd,
      btc,
      slots: tiles.slots,
      streamed,
      passTokens: fit.passLimit,
      rowBlock: fit.rowBlock,
      ...(sharedTile === undefined ? {} : { sharedTile }),
    },
    passes: fit.sizes.passes,
    axes: axesOf(fit),
    buffers,
    streams: streamsOf(fit),
    semaphores: toSemaphores(fit.input),
    stages: stagesOf(fit, btc),
    vmem: { used: used("VMEM"), available: device.vmemBudget },
    smem: { used: used("SMEM"), available: device.smemBytes - SMEM_RESERVE },
    traffic: trafficOf(fit),
  };
}
