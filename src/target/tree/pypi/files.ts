/** New files of sglang-jax 0.0.2. */
import type { HostedKernel, TreeFile } from "../tree.ts";

export function files(kernels: readonly HostedKernel[]): readonly TreeFile[] {
  void kernels;
  return [];
}
