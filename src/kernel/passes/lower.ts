/** One bucket on one device as a plan. */

import { withSums } from "../../plan/call.ts";
import type { Axis, ByNeed, KernelPlan, Stage, TileChoice } from "../../plan/plan.ts";
import type { LowerInput } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { localExperts, sharedLayer } from "../../spec/formats.ts";
import { onceFor } from "../../spec/once.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { ownEarly } from "../api/early-tiles.ts";
import { limitsOf, ownTiles } from "../api/pass-tiles.ts";
import { ownRoutes, routesIn } from "../api/route-tiles.ts";
import { ownSumSlots } from "../experts/sums-in-hbm.ts";
import { dequantizationFor } from "../feed-forward/dequantize.ts";
import { defaultRowCounts, rowCountsAround } from "../feed-forward/rules.ts";
import { type Frame, type KernelInput, passesOverlap, type Sizes } from "../frame.ts";
import { loadOf } from "../load.ts";
import { buffersOf, usageOf } from "../memory/usage.ts";
import { type Composition, semaphoresOf, stagesOf, streamsOf } from "../part.ts";
import { routeAllTokens } from "../routing/all-tokens.ts";
import { takesNarrowRows } from "../rows/widening.ts";
import { isTiled, sharedOf, sharedTileOf } from "../shared-experts/spread.ts";
import { trafficOf } from "../traffic.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { runAhead, tradeRows } from "./ahead.ts";
import { chooseFit } from "./choose-fit.ts";
import { type Fit, type FitRequest, meanRows, secondsOf } from "./fit.ts";
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

/** What kernels that go through their experts in passes differ in. */
export interface Passes {
  readonly composition: Composition;
  /** To whom token rows go, of those that need them. Absent: to all. */
  readonly byNeed?: ByNeed;
  /** Tiles that the schedule alone has. */
  readonly own?: (input: KernelInput) => TileChoice["own"];
  /** Stages where passes overlap, each with its turn. Absent: none do. */
  readonly inTurns?: (stages: readonly Stage[]) => readonly Stage[];
}

/**
 * Weights arrive in tiles where the schedule cuts F or D, and where sums are brought for a block of rows;
 * else a whole expert at a time.
 */
function isStreamed({ layer, tiles, streamed }: LowerInput): boolean {
  const blocks = withSums(tiles.rows);
  return streamed === true || blocks || tiles.bf < layer.intermediate || tiles.bd < layer.hidden;
}

/** What the passes of a call are chosen from. */
function requestOf(
  { composition, byNeed }: Pick<Passes, "composition" | "byNeed">,
  input: LowerInput,
): FitRequest {
  const { layer, ep, device, devices, tiles, tokens } = input;
  const most = Math.ceil(tiles.upTo / ep);
  const sizes = (count: number, all: boolean): Sizes =>
    sizesOf(layer, count, ep, roundTokens(most), { rows: tiles.rows, byNeed }, all);
  const routed = { layer, ep, device, tiles: { ...tiles, ...defined({ byNeed }) } };
  const routes = { upTo: tiles.upTo, routes: tiles.routes ?? "auto" };
  return {
    composition,
    ...defined({ byNeed }),
    layer,
    ep,
    device,
    tiles: { ...tiles, ...defined({ runRows: input.own?.run_rows ?? tiles.runRows }) },
    tokens,
    streamed: isStreamed(input),
    ways: {
      routed: dequantizationFor(layer, devices),
      shared: dequantizationFor(sharedLayer(layer), devices),
    },
    narrow: takesNarrowRows(layer, devices),
    ...(input.own === undefined ? {} : { limits: limitsOf(input.own) }),
    routeAllTokens:
      input.own === undefined ? routeAllTokens(routed, routes, sizes) : routesIn(input.own),
    transport: input.own?.parts ?? tiles.transport ?? "auto",
    kinds: devices.map(deviceOf),
  };
}

const fits = onceFor<LowerInput, Fit>();

/** The passes of a call with slots and rows at hand: asked for by what lowers them and by what times them. */
function fitOf(input: LowerInput, request: FitRequest): Fit {
  return fits(input, "", () => tradeRows(chooseFit(request), request));
}

/** Seconds of a call, roughly: tiles decide how many slots weights have, how many passes there are, and so on. */
export function seconds(passes: Passes, input: LowerInput): number {
  const request = requestOf(passes, input);
  return secondsOf(fitOf(input, request), request);
}

/** Rows that bodies are for: with sums in HBM those of an expert too, as its rows come in few row tiles. */
function rowCounts({ layer, tiles, ...request }: FitRequest, { sizes }: Fit): readonly number[] {
  if (!withSums(tiles.rows)) return defaultRowCounts(layer, tiles.bt);
  return rowCountsAround(layer, tiles.bt, meanRows({ ...request, layer, tiles }, sizes.passes));
}

/** The kernel with the tiles asked for; whether it fits is for others to judge. */
export function lower(passes: Passes, input: LowerInput): KernelPlan {
  const { composition, byNeed, inTurns = (stages) => stages } = passes;
  const { layer, ep, device, tiles, tokens } = input;
  const request = requestOf(passes, input);
  const { streamed } = request;
  const fit = fitOf(input, request);
  const btc = tiles.btc ?? rowCounts(request, fit);
  const shared = sharedOf(layer, ep, byNeed);
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
      ...defined({ byNeed }),
      own: {
        ...ownEarly(ahead.early),
        ...ownTiles(
          { passTokens: fit.passLimit, rowBlock: fit.rowBlock, atOnce: fit.atOnce },
          passesOverlap(frame),
          sharedTile,
        ),
        ...(ep === 1 || byNeed !== undefined ? {} : { parts: fit.input.parts }),
        ...ownSumSlots(fit.input),
        ...ownRoutes(fit.input, ep, request.routeAllTokens),
        ...passes.own?.(fit.input),
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
