/** A TPU generation as data: what fits, what it can move, which slice names it for the compiler. */
import type { DeviceName } from "../../dsl/spec.ts";

export interface Device {
  readonly name: DeviceName;
  /** `device_kind` as JAX reports it. */
  readonly kind: string;
  /** Slices for the ahead-of-time compiler, ascending in devices. */
  readonly topologies: readonly { readonly name: string; readonly devices: number }[];
  /** Bytes, for each JAX device (TensorCore). */
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
  readonly mxu: { readonly size: number; readonly count: number };
  /** Where each figure comes from. */
  readonly sources: Readonly<Record<string, string>>;
}
