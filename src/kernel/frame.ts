/** What a part of a kernel is worked out from: the layer, and what was chosen for one call of it. */
import { holdsTwo } from "../plan/call.ts";
import type { ByNeed } from "../plan/plan.ts";
import type { BucketRows } from "../spec/schedule.ts";
import type { Device } from "../target/device/device.ts";
import type { Dequantization } from "./feed-forward/dequantize.ts";
import type { Layer, Layout } from "./rows/layout.ts";

/** Sizes of one call; `Shape` in the generated kernel computes the same from T and the tiles. */
export interface Sizes {
  /** T, all devices together, and what one of them has of it. */
  readonly tokens: number;
  readonly deviceShare: number;
  /** Times that a device goes through its experts, and the token rows that it brings each time. */
  readonly passes: number;
  readonly passTokens: number;
  /** Those of `passTokens` that go to other devices: the real ones, in whole groups of rows. */
  readonly sentTokens: number;
  /** Token rows of all devices in one pass. */
  readonly allTokens: number;
  /** Token rows of a pass that a device routes: its own, or all; and whose lists it takes. */
  readonly routedTokens: number;
  readonly sources: number;
  /** Routed tokens in whole vector registers. */
  readonly laneTokens: number;
  /** Lists that a device makes of a pass, and tokens of each: several where they lie in HBM. */
  readonly lists: number;
  readonly listTokens: number;
  /** Token rows copied between HBM and VMEM at once. */
  readonly chunk: number;
  /** Words from one choice's weights to the next in a device's routes. */
  readonly choiceStride: number;
  /** Where weights and offsets start in a device's routes, and their length, in words. */
  readonly weightsAt: number;
  readonly offsetsAt: number;
  readonly routeWords: number;
}

/**
 * Passes that may overlap: of several devices, with room for the rows of two passes in a bucket. Where rows go
 * by need there is one at a time.
 */
export function passesOverlap({
  rows,
  ep,
  byNeed,
}: Pick<KernelInput, "rows" | "ep" | "byNeed">): boolean {
  return ep > 1 && byNeed === undefined && holdsTwo(rows);
}

/** Passes that are here at a time: one after the other, or two that overlap. */
export type AtOnce = 1 | 2;

/** Slots of what a pass keeps while another is under way. */
export function passSlots(
  input: Pick<KernelInput, "rows" | "ep" | "byNeed" | "sizes" | "atOnce">,
): number {
  return passesOverlap(input) ? Math.min(input.sizes.passes, input.atOnce) : 1;
}

/** How products with the weights of the routed and of the shared experts are made. */
export interface Ways {
  readonly routed: Dequantization | undefined;
  readonly shared: Dequantization | undefined;
}

/** What declarations of buffers and semaphores are worked out from. */
export interface KernelInput {
  readonly layer: Layer;
  readonly layout: Layout;
  readonly ep: number;
  /** Devices that share each expert's columns; absent: they are whole. `layer` has one's columns. */
  readonly tp?: number;
  readonly device: Device;
  /** Parts of a device's rows that take the torus' dimensions in different orders; 0: straight. */
  readonly parts: number;
  readonly sizes: Sizes;
  readonly tiles: {
    readonly bt: number;
    readonly bf: number;
    readonly bd: number;
    readonly slots: number;
    /** Local experts whose weights start at entry, with rows or without. */
    readonly early: number;
    /** Rows of one expert kept at hand while its weights stream by. */
    readonly rowBlock: number;
    /** Rows of a run that one copy takes; absent: the schedule's own rule, or there are no runs. */
    readonly runRows?: number;
  };
  /** Weights arrive in tiles, not a whole expert at a time. */
  readonly streamed: boolean;
  /** Where token rows lie. */
  readonly rows: BucketRows;
  /** Of several devices whose passes may overlap: how many of them are here at a time. */
  readonly atOnce: AtOnce;
  /** To whom token rows go, of those that need them; one answer for a package. Absent: to all. */
  readonly byNeed?: ByNeed;
  /** Absent: weights are plain, or it does not matter. */
  readonly ways?: Ways;
  /** Operands of 8 bits. */
  readonly narrow: boolean;
}

/** The routed experts on one device, in one call. */
export interface Load {
  readonly localExperts: number;
  /** (token, expert) pairs of one device. */
  readonly routedRows: number;
  /** Expected local experts with at least one row in a pass. */
  readonly activeExperts: number;
  /** The same with those whose weights are read before it is known that they have none. */
  readonly readExperts: number;
  readonly rowsPerExpert: number;
  /** The same as a whole number of rows: what picks a body and counts tiles. */
  readonly typicalRows: number;
  /** Row tiles of all active experts in all passes. */
  readonly rowTiles: number;
  /** Times an active expert's rows go through it: passes, and blocks of rows in them. */
  readonly reads: number;
  /** Times its weights cross HBM. */
  readonly weightReads: number;
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
}

/** What copies and stages are worked out from: the same, and the work of one call. */
export interface Frame extends KernelInput {
  readonly load: Load;
  /** Row counts with a feed-forward body, ascending. */
  readonly btc: readonly number[];
}
