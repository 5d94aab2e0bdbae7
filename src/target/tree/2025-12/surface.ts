/** The surface of the tree of December 2025: gates return scores, a fused kernel chooses from them. */
import type { LayerSpec, RoutingSpec } from "../../../spec/layer.ts";
import type { Adapted, Surface } from "../tree.ts";

export const surface: Surface = {
  routing: "kernel",
  gate: "scores",
  weights: "fused",
  meshAxes: ["data", "tensor"],
  epAxes: ["data", "tensor"],
  jax: "0.8.1",
};

type InKernel = Extract<RoutingSpec, { where: "kernel" }>;

/**
 * `GateLogit` has softmaxed or sigmoid scores when `TopK` and `EPMoE` get them, and the generated
 * code of Grok hands on its softmax likewise: a kernel that scored once more would choose the same
 * experts with other weights.
 */
export function adapt(layer: LayerSpec): Adapted {
  const { routing } = layer;
  const problems: string[] = [];
  if (layer.activation !== "silu" && layer.activation !== "gelu") {
    problems.push("EPMoE of this tree has the activations silu and gelu (tanh form) alone");
  }
  if (layer.scoreOn !== undefined) {
    problems.push("the models of this tree weigh what experts give, not what they take (scoreOn)");
  }
  if (layer.biases === true) problems.push("the experts of this tree's models have no biases");
  if (layer.heldExperts !== undefined) problems.push("this tree's loader has no padded experts");
  if (layer.redundantExperts !== undefined) problems.push("this tree has no redundant experts");
  if (layer.identityExperts !== undefined) problems.push("this tree has no identity experts");
  if (layer.quantization !== undefined) {
    problems.push("EPMoE of this tree has no quantised weights: no scales are loaded or handed on");
  }
  if (routing.where === "given") {
    problems.push(
      'the fused layer of this tree chooses experts in the kernel: routing needs { where: "kernel" }' +
        " with renormalize, groups and scalingFactor of the model",
    );
  } else if (routing.scoreChosen === true) {
    problems.push("no model of this tree scores the chosen experts alone (scoreChosen)");
  }
  const [first, ...others] = problems;
  if (first !== undefined || routing.where === "given") {
    return { refused: [first ?? "", ...others] };
  }
  const remarks: string[] = [];
  if (layer.weights !== surface.weights) {
    remarks.push("gate and up weights fused into w1 (E, 2, D, F), as the generated loader does");
  }
  const { sharedExperts, ...routed } = layer;
  if (sharedExperts !== undefined) {
    remarks.push("no shared experts in the kernel: the models of this tree add them");
  }
  return {
    layer: { ...routed, weights: surface.weights, routing: adaptRouting(routing, remarks) },
    remarks,
  };
}

function adaptRouting(routing: InKernel, remarks: string[]): RoutingSpec {
  const { logitSoftCap, groups, scalingFactor, ...kept } = routing;
  if (routing.scoring !== "none") {
    remarks.push(`scores as given instead of ${routing.scoring}: the gate of this tree scores`);
  }
  if (logitSoftCap !== undefined) {
    remarks.push("no soft cap in the kernel: the model caps the logits before it scores them");
  }
  const scaled = routing.renormalize || scalingFactor === 1;
  if (!scaled) {
    remarks.push("no scaling factor: TopK of this tree scales only weights that it renormalises");
  }
  const score = routing.correctionBias === true ? "sum_of_top_2" : "max";
  if (groups !== undefined && groups.score !== score) {
    remarks.push(`groups ranked by ${score}, as TopK of this tree does for such a gate`);
  }
  return {
    ...kept,
    scoring: "none",
    scalingFactor: scaled ? scalingFactor : 1,
    ...(groups === undefined ? {} : { groups: { ...groups, score } }),
  };
}
