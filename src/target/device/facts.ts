/**
 * A TPU generation as data: what fits, what it can move, which slice names it for the compiler.
 *
 * Every figure is for one *JAX device*, because that is what a kernel, a mesh axis and a
 * measurement count. v7x shows two devices a chip, so chip figures are halved there; v5p joins its
 * two TensorCores into one device ("megacore"), so chip figures stand, VMEM apart.
 */

import type { RowDType } from "../../spec/quantization.ts";
import type { Timing } from "./timing.ts";

export interface DeviceFacts {
  readonly name: string;
  /** `device_kind` as JAX reports it. */
  readonly kind: string;
  /** Slices for the ahead-of-time compiler, ascending in devices. */
  readonly topologies: readonly { readonly name: string; readonly devices: number }[];
  /** A slice of one machine, as clouds call it; absent: no source tells. */
  readonly slice?: MachineSlice;
  /** Bytes of VMEM that one kernel sees (one TensorCore's, also on a megacore device). */
  readonly vmemBytes: number;
  /** Bytes of VMEM a kernel may plan with: capacity less what the compiler keeps (measured). */
  readonly vmemBudget: number;
  readonly smemBytes: number;
  readonly hbmBytes: number;
  /** Bytes a second. */
  readonly hbmBandwidth: number;
  /** FLOP/s in bf16. */
  readonly bf16Flops: number;
  /** Cycles a second. */
  readonly clock: number;
  /** Bytes a second, one way, one link; and how many links. */
  readonly iciLinkBandwidth: number;
  readonly iciLinks: number;
  /** Rows and columns of one matrix unit, and how many. */
  readonly mxu: {
    readonly size: number;
    readonly count: number;
    /** Most rows that they take a weight for at no cost beyond its push. */
    readonly fullRows: number;
    /** A unit adds up partial products itself and reads operands as they lie in VMEM. */
    readonly accumulates?: true;
  };
  /** What the predictor needs, each figure with its own source. */
  readonly timing: Timing;
  /** What quantised rows cost beside bfloat16; absent: not counted. */
  readonly feedForwardBundles?: FeedForwardBundles;
  /** Whether one instruction makes bfloat16 of a register of float8; else some twenty do. */
  readonly unpacksFloat8: boolean;
  /** Whether the compiler takes float4_e2m1fn weights; the other types it takes everywhere. */
  readonly takesFloat4: boolean;
  /** Where each figure comes from. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Of gate, up, activation and down of 128 rows, D 2048, F 768, rows and weights of the type. */
export interface FeedForwardBundles extends Readonly<Record<RowDType, RowBundles>> {
  readonly bfloat16: number;
}

export interface RowBundles {
  /** One scale a channel. */
  readonly channel: number;
  /** A product for every 128 of the contraction, and for every 256 or more. */
  readonly block128: number;
  readonly block256: number;
  /** One scale a channel, rows widened to bfloat16; absent where that was not tried. */
  readonly widened?: number;
}

/** What one machine has of a kind of TPU. */
export interface MachineSlice {
  readonly chips: number;
  /** GKE's labels of its nodes: gke-tpu-accelerator and gke-tpu-topology. */
  readonly accelerator: string;
  readonly topology: string;
  /** SkyPilot's name of it. */
  readonly skypilot: string;
}

/** JAX devices that one chip shows; a topology's name ends in its chips, e.g. "tpu7x:2x2x1". */
export function devicesAChip({ topologies: [least] }: DeviceFacts): number {
  const sizes = least?.name.split(":")[1]?.split("x").map(Number) ?? [];
  const chips = sizes.reduce((product, size) => product * size, 1);
  return (least?.devices ?? 1) / chips;
}

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/**
 * VMEM left to the compiler: spills and its own scratch. The compiler accepts kernel scratch up to
 * the full capacity when `vmem_limit_bytes` is raised (tried on all four kinds), so this is a
 * margin, not a measured need; the AOT compile of the examples is what tests it.
 */
export const VMEM_RESERVE = 2 * MiB;
