/** New files of the tree of December 2025. */
import { pyBool, pyFloat, pyString } from "../../../emit/python.ts";
import type { HostedKernel, TreeFile } from "../tree.ts";

const SRT = "python/sgl_jax/srt";
const TEMPLATES = "2025-12";

/**
 * All files that the tree gets beside its edited ones. Throws RangeError for a kernel that `adapt`
 * would refuse.
 */
export function files(kernels: readonly HostedKernel[]): readonly TreeFile[] {
  const file = (path: string, template: string, context = {}): TreeFile => ({
    path,
    template: `${TEMPLATES}/${template}`,
    context,
  });
  const backend = { predicted: kernels.some(({ predicted }) => predicted === true) };
  return [
    file(`${SRT}/kernels/fused_moe/__init__.py`, "kernels_init"),
    file(`${SRT}/kernels/fused_moe/registry.py`, "registry", { kernels: kernels.map(row) }),
    file(`${SRT}/layers/fused_moe.py`, "fused_moe"),
    file(`${SRT}/layers/moe_backend.py`, "moe_backend", backend),
    file("python/sgl_jax/test/kernels/__init__.py", "tests_init"),
    file("python/sgl_jax/test/kernels/fused_moe_v1_test.py", "kernel_test"),
    file("python/sgl_jax/test/test_fused_moe.py", "layer_test"),
    file("python/sgl_jax/test/test_fused_moe_loading.py", "loading_test"),
    file("python/sgl_jax/test/test_moe_backend.py", "backend_test", backend),
    file("benchmark/fused_moe/__init__.py", "bench_init"),
    file("benchmark/fused_moe/bench_fused_vs_epmoe.py", "bench"),
  ];
}

/** A kernel as `FusedMoELayer(...)`: what it was made for, fields at their default left out. */
function row({ name, layer, mesh }: HostedKernel): { name: string; arguments: string } {
  const { routing, activation } = layer;
  if (routing.where === "given" || typeof activation !== "string") {
    throw new RangeError(`${name} was not adapted to this tree`);
  }
  const { groups, scalingFactor } = routing;
  const fields = [
    `num_experts=${layer.experts}`,
    `num_experts_per_tok=${layer.topK}`,
    `hidden_size=${layer.hidden}`,
    `intermediate_size=${layer.intermediate}`,
    `activation=${pyString(activation)}`,
    `dtype=${pyString(layer.dtype)}`,
    `ep_size=${mesh.ep}`,
    `renormalize=${pyBool(routing.renormalize)}`,
    ...(scalingFactor === 1 ? [] : [`routed_scaling_factor=${pyFloat(scalingFactor)}`]),
    ...(groups === undefined
      ? []
      : [`num_expert_group=${groups.count}`, `topk_group=${groups.kept}`]),
    ...(routing.correctionBias === true ? ["correction_bias=True"] : []),
  ];
  return { name, arguments: fields.map((field) => `${field},`).join("\n        ") };
}
