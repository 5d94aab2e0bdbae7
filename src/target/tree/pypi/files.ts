/** New files of sglang-jax 0.0.2. */
import { pyString } from "../../../emit/python.ts";
import type { HostedKernel, TreeFile } from "../tree.ts";
import { surface } from "./surface.ts";

const SRT = "sgl_jax/srt";

/** Checkpoints whose model file is edited. */
export const ARCHITECTURES = ["Qwen3MoeForCausalLM"] as const;

/** All files that the tree gets beside its edited ones. */
export function files(kernels: readonly HostedKernel[]): readonly TreeFile[] {
  const predicted = kernels.some((kernel) => kernel.predicted === true);
  const epAxes = surface.epAxes.map(pyString).join(", ");
  return [
    { path: `${SRT}/kernels/__init__.py`, template: "pypi/empty", context: {} },
    { path: `${SRT}/kernels/fused_moe/__init__.py`, template: "pypi/kernels_init", context: {} },
    {
      path: `${SRT}/kernels/fused_moe/registry.py`,
      template: "pypi/registry",
      context: {
        epAxes,
        predicted,
        kernels: kernels.map(({ name, layer, mesh }) => ({
          name,
          experts: layer.experts,
          topK: layer.topK,
          hidden: layer.hidden,
          intermediate: layer.intermediate,
          dtype: layer.dtype,
          ep: mesh.ep,
        })),
      },
    },
    { path: `${SRT}/layers/fused_moe.py`, template: "pypi/layer", context: { epAxes } },
    {
      path: `${SRT}/layers/moe_backend.py`,
      template: "pypi/backend",
      context: { architectures: ARCHITECTURES.map(pyString).join(", "), predicted },
    },
    { path: `${SRT}/utils/fused_moe_weights.py`, template: "pypi/weights", context: {} },
    { path: "sgl_jax/test/fused_moe_utils.py", template: "pypi/simulated", context: {} },
    {
      path: "sgl_jax/test/kernels/fused_moe_v1_test.py",
      template: "pypi/kernel_test",
      context: {},
    },
    { path: "sgl_jax/test/test_fused_moe.py", template: "pypi/layer_test", context: {} },
    { path: "sgl_jax/bench_fused_moe.py", template: "pypi/bench", context: {} },
  ];
}
