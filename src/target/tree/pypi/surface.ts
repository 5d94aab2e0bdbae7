/** The surface of sglang-jax 0.0.2: the gate returns logits, `EPMoE` takes top-k of them itself. */
import type { LayerSpec } from "../../../spec/layer.ts";
import type { Adapted, Surface } from "../tree.ts";

export const surface: Surface = {
  routing: "kernel",
  gate: "logits",
  weights: "fused",
  meshAxes: ["data", "tensor", "expert"],
  epAxes: ["data", "tensor"],
  jax: "0.8.1",
};

/**
 * `EPMoE` scores the chosen logits by softmax: what softmax over all experts and division by the
 * chosen ones' sum gives as well. Nothing else is computed here.
 */
export function adapt(layer: LayerSpec): Adapted {
  const { routing } = layer;
  const problems: string[] = [];
  if (layer.activation !== "silu") {
    problems.push("EPMoE of this tree computes silu(gate) * up and nothing else");
  }
  if (layer.scoreOn !== undefined) {
    problems.push("the models of this tree weigh what experts give, not what they take (scoreOn)");
  }
  if (layer.biases) problems.push("EPMoE of this tree has no biases");
  if (layer.sharedExperts) problems.push("the models of this tree have no shared experts");
  if (layer.heldExperts !== undefined) problems.push("this tree's loader has no padded experts");
  if (layer.redundantExperts) problems.push("this tree has no redundant experts");
  if (layer.identityExperts !== undefined) problems.push("this tree has no identity experts");
  if (layer.quantization !== undefined) {
    problems.push("EPMoE of this tree has no quantised weights: no scales are loaded or handed on");
  }
  if (routing.where === "kernel") {
    if (routing.scoring !== "softmax") {
      problems.push(`EPMoE of this tree scores by softmax, the spec by ${routing.scoring}`);
    }
    if (!routing.renormalize && routing.scoreChosen !== true) {
      problems.push("EPMoE of this tree always divides the chosen weights by their sum");
    }
    if (routing.groups !== undefined || routing.correctionBias === true) {
      problems.push("this tree has no expert groups and no correction bias");
    }
    if (routing.scalingFactor !== 1) problems.push("this tree has no scaling factor");
    if (routing.logitSoftCap !== undefined)
      problems.push("this tree has no soft cap of the logits");
  }
  const [first, ...others] = problems;
  if (first !== undefined) return { refused: [first, ...others] };
  const remarks: string[] = [];
  if (routing.where === "given") {
    remarks.push("routing in the kernel: the models of this tree hand on router logits");
  }
  if (layer.weights !== surface.weights) {
    remarks.push(
      "gate and up weights fused into w1 (E, 2, D, F), as the generated loader makes them",
    );
  }
  return {
    layer: {
      ...layer,
      weights: surface.weights,
      routing: {
        where: "kernel",
        scoring: "softmax",
        renormalize: false,
        scalingFactor: 1,
        scoreChosen: true,
      },
    },
    remarks,
  };
}
