/** One bucket on one device as a plan. */

import { ownEarly } from "../../kernel/api/early-tiles.ts";
import { limitsOf, ownTiles } from "../../kernel/api/pass-tiles.ts";
import { ownRoutes, routesIn } from "../../kernel/api/route-tiles.ts";
import { dequantizationFor } from "../../kernel/feed-forward/dequantize.ts";
import { defaultRowCounts } from "../../kernel/feed-forward/rules.ts";
import { type Frame, passesOverlap, type Sizes } from "../../kernel/frame.ts";
import { loadOf } from "../../kernel/load.ts";
import { buffersOf, usageOf } from "../../kernel/memory/usage.ts";
import { semaphoresOf, stagesOf, streamsOf } from "../../kernel/part.ts";
import { routeAllTokens } from "../../kernel/routing/all-tokens.ts";
import { takesNarrowRows } from "../../kernel/rows/widening.ts";
import { isTiled, sharedOf, sharedTileOf } from "../../kernel/shared-experts/spread.ts";
import { trafficOf } from "../../kernel/traffic.ts";
import { tileShapeOf } from "../../kernel/weights/tile-shape.ts";
import type { Axis, KernelPlan } from "../../plan/plan.ts";
import { localExperts, sharedLayer } from "../../spec/formats.ts";
import { deviceOf } from "../../target/device/registry.ts";
import type { LowerInput } from "../schedule.ts";
import { runAhead, tradeRows } from "./ahead.ts";
import { composition, inTurns } from "./composition.ts";
import { chooseFit, type FitRequest, secondsOf } from "./fit.ts";
import { roundTokens, sizesOf } from "./sizes.ts";

function axesOf({ layer, ep, sizes, tiles, load }: Frame): readonly Axis[] {
  const axis = (name: string, size: number, tile: number, meaning: string): Axis => ({
    name,
    size,
    tile,
    trips: Math.ceil(size / tile),
    meaning,
  });
  const rows = Math.ceil(load.rowsPerExpert);
  return [
    axis("ep", layer.experts, localExperts(layer, ep), "experts over devices"),
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

/** What the passes of a call are chosen from. */
function requestOf(input: LowerInput): FitRequest {
  const { layer, ep, device, devices, tiles, tokens } = input;
  const most = Math.ceil(tiles.upTo / ep);
  const sizes = (count: number, all: boolean): Sizes =>
    sizesOf(layer, count, ep, roundTokens(most), all);
  const routes = { upTo: tiles.upTo, routes: tiles.routes ?? "auto" };
  return {
    layer,
    ep,
    device,
    tiles,
    tokens,
    streamed: isStreamed(input),
    ways: {
      routed: dequantizationFor(layer, devices),
      shared: dequantizationFor(sharedLayer(layer), devices),
    },
    narrow: takesNarrowRows(layer, devices),
    ...(input.own === undefined ? {} : { limits: limitsOf(input.own) }),
    routeAllTokens:
      input.own === undefined ? routeAllTokens(input, routes, sizes) : routesIn(input.own),
    transport: input.own?.parts ?? tiles.transport ?? "auto",
    kinds: devices.map(deviceOf),
  };
}

/** Seconds of a call whose passes may overlap: tiles decide how many slots weights have, and so on. */
export function seconds(input: LowerInput): number | undefined {
  const { tiles, ep } = input;
  if (!passesOverlap({ rows: tiles.rows ?? "vmem", ep })) return undefined;
  const request = requestOf(input);
  return secondsOf(chooseFit(request), request);
}

/** The kernel with the tiles asked for; whether it fits is for others to judge. */
export function lower(input: LowerInput): KernelPlan {
  const { layer, ep, device, tiles, tokens } = input;
  const request = requestOf(input);
  const { streamed } = request;
  const btc = tiles.btc ?? defaultRowCounts(layer, tiles.bt);
  const fit = tradeRows(chooseFit(request), request);
  const shared = sharedOf(layer, ep);
  const sharedTile =
    shared !== undefined && isTiled(shared, streamed)
      ? sharedTileOf(shared, tileShapeOf(layer, tiles))
      : undefined;
  const ahead = runAhead(fit, input);
  const frame: Frame = { ...ahead.input, load: loadOf(ahead.input, fit.reads), btc };
  const buffers = buffersOf(composition, ahead.input, device);
  const streams = streamsOf(composition, frame);
  const stages = stagesOf(composition, frame);
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
      slots: ahead.input.tiles.slots,
      streamed,
      ...(fit.input.rows === "vmem" ? {} : { rows: fit.input.rows }),
      own: {
        ...ownEarly(ahead.early),
        ...ownTiles(
          { passTokens: fit.passLimit, rowBlock: fit.rowBlock, atOnce: fit.atOnce },
          passesOverlap(frame),
          sharedTile,
        ),
        ...(ep === 1 ? {} : { parts: fit.input.parts }),
        ...ownRoutes(input, ep, request.routeAllTokens),
      },
    },
    passes: fit.sizes.passes,
    axes: axesOf(frame),
    calls: [
      {
        kind: "pallas",
        name: "fused_ep_moe",
        buffers,
        streams,
        semaphores: semaphoresOf(composition, ahead.input),
        stages: passesOverlap(frame) ? inTurns(stages) : stages,
      },
    ],
    ...usageOf(buffers, device),
    traffic: trafficOf(frame, streams, buffers),
  };
}
