/**
 * Whether each device routes the tokens of all devices, or its own ones and gives all others the lists:
 * a block of 128 tokens is routed in the time of one of 8, and lists that nobody sends cost no exchange.
 */
import { holdsTwo } from "../../plan/call.ts";
import type { ByNeed, Plan } from "../../plan/plan.ts";
import { onceFor } from "../../spec/once.ts";
import type { BucketRoutes, BucketRows } from "../../spec/schedule.ts";
import type { Device } from "../../target/device/device.ts";
import type { Sizes } from "../frame.ts";
import { UNROLL } from "../loops.ts";
import { LANES, type Layer, layoutOf, roundUp } from "../rows/layout.ts";

/** How token rows of several devices come and go. */
interface RowsOf {
  readonly rows?: BucketRows;
  readonly byNeed?: ByNeed;
}

/** Cycles of one more block of 128 tokens, of sorting one more token, and of one device's list less. */
const BLOCK_CYCLES = 1000;
const TOKEN_CYCLES = 32;
const LIST_CYCLES = 32;
/** A kernel of any T. */
export const ANY = 2 ** 31 - 1;

/**
 * Where a kernel of several devices routes, it may route for all; given ids come by token, and where
 * passes overlap the lists that arrive say that the rows before are no longer needed there. Of rows
 * that go where they are needed each device lists its own.
 */
export function mayRouteAll(
  layer: Pick<Layer, "routing">,
  ep: number,
  { rows, byNeed }: RowsOf,
): boolean {
  return !holdsTwo(rows) && byNeed === undefined && ep > 1 && layer.routing.where === "kernel";
}

/** The same of the kernels of a plan. */
export function planRoutesAll({
  layer,
  mesh,
  kernels,
}: Pick<Plan, "layer" | "mesh" | "kernels">): boolean {
  return kernels.every(({ tiles }) => mayRouteAll(layer, mesh.ep, tiles));
}

/** Whether the devices of a call do so. */
export function routesAll({ sources }: Pick<Sizes, "sources">, ep: number): boolean {
  return ep > 1 && sources === 1;
}

/** Seconds from the rows' start to lists of all devices' tokens in SMEM, without what both ways have. */
function secondsOf(layer: Layer, ep: number, device: Device, sizes: Sizes): number {
  const { timing, clock } = device;
  const exchange = (bytes: number): number =>
    timing.remoteLatency.value + ((ep - 1) * bytes) / timing.ici.linkBandwidth.value;
  if (routesAll(sizes, ep)) {
    const logits = exchange(4 * roundUp(sizes.sentTokens, UNROLL) * layoutOf(layer).logitLanes);
    const cycles =
      (sizes.laneTokens / LANES) * BLOCK_CYCLES + ep * sizes.deviceShare * TOKEN_CYCLES;
    // They leave before the rows come in from HBM.
    return Math.max(0, logits - timing.dmaLatency.value) + cycles / clock;
  }
  const experts = layer.experts / ep;
  const cycles =
    (sizes.laneTokens / LANES) * BLOCK_CYCLES +
    sizes.deviceShare * TOKEN_CYCLES +
    experts * (ep - 1) * LIST_CYCLES;
  // Entries to VMEM, to the other devices, and all of them to the scalar unit.
  return 2 * timing.dmaLatency.value + exchange(4 * sizes.routeWords) + cycles / clock;
}

/** Of a layer, by bucket and device: no tile changes it, and a check tries many tiles. */
const known = onceFor<Layer, number>();

/**
 * Largest T for which each device routes all tokens; 0: never.
 * @param sizes those of a call of so many tokens to this bucket, its devices routing all of them or not
 */
export function routeAllTokens(
  {
    layer,
    ep,
    device,
    tiles,
  }: {
    readonly layer: Layer;
    readonly ep: number;
    readonly device: Device;
    readonly tiles: RowsOf;
  },
  { upTo, routes }: { readonly upTo: number; readonly routes: BucketRoutes },
  sizes: (tokens: number, all: boolean) => Sizes,
): number {
  if (routes === "own" || !mayRouteAll(layer, ep, tiles)) return 0;
  if (routes === "all") return ANY;
  return known(layer, [device.name, ep, upTo].join(), () => fastestBelow(upTo));

  function fastestBelow(most: number): number {
    for (let share = Math.ceil(most / ep); share > 0; share--) {
      const tokens = Math.min(share * ep, most);
      const seconds = (all: boolean): number => secondsOf(layer, ep, device, sizes(tokens, all));
      if (seconds(true) < seconds(false)) return tokens;
    }
    return 0;
  }
}
