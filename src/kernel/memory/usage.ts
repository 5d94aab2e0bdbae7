/** What a kernel takes of a device's VMEM and SMEM, and whether it has so much. */
import type { Buffer } from "../../plan/plan.ts";
import type { Device } from "../../target/device/device.ts";
import type { KernelInput } from "../frame.ts";
import { type Composition, declaredBuffers } from "../part.ts";
import { compilerBuffers } from "./compiler.ts";

/** SMEM that the compiler keeps for itself and for spilled scalars. */
const SMEM_RESERVE = 64 * 1024;

/** Everything in VMEM and SMEM: what the kernel declares, then what the compiler adds. */
export function buffersOf(
  composition: Composition,
  input: KernelInput,
  device: Device,
): readonly Buffer[] {
  return [...declaredBuffers(composition, input), ...compilerBuffers(input, device)];
}

/** Bytes of a memory that buffers take, and that there are. */
export interface Usage {
  readonly used: number;
  readonly available: number;
}

/** What buffers take of a device, and what a kernel may plan with. */
export function usageOf(
  buffers: readonly Buffer[],
  device: Device,
): { readonly vmem: Usage; readonly smem: Usage } {
  const used = (space: Buffer["space"]): number =>
    buffers.reduce((sum, buffer) => sum + (buffer.space === space ? buffer.bytes : 0), 0);
  return {
    vmem: { used: used("VMEM"), available: device.vmemBudget },
    smem: { used: used("SMEM"), available: device.smemBytes - SMEM_RESERVE },
  };
}
