/** The surface of the newest tree: models route, gate and up weights are two parameters. */
import type { LayerSpec } from "../../../dsl/spec.ts";
import type { Adapted, Surface } from "../tree.ts";

export const surface: Surface = {
  routing: "given",
  gate: "scores",
  weights: "separate",
  meshAxes: ["data", "tensor"],
  epAxes: ["data", "tensor"],
  jax: "0.10.2",
};

/** Scores, groups, bias and scaling are the model's own code here, so the kernel has none of them. */
export function adapt(layer: LayerSpec): Adapted {
  if (layer.activation !== "silu" && layer.activation !== "gelu") {
    return {
      refused: ["the models of this tree that can use a generated kernel compute silu or gelu"],
    };
  }
  if (layer.biases === true) {
    return { refused: ["the experts of this tree's models have no biases"] };
  }
  const { sharedExperts, ...routed } = layer;
  const remarks: string[] = [];
  if (sharedExperts !== undefined) {
    remarks.push("no shared experts in the kernel: the models of this tree add them");
  }
  if (layer.routing.where !== "given") {
    remarks.push("routing given: the models of this tree choose the experts and weigh them");
  }
  if (layer.weights !== surface.weights) {
    remarks.push("gate and up weights separate, w1 and w3 (E, D, F), as FusedEPMoE has them");
  }
  return { layer: { ...routed, weights: surface.weights, routing: { where: "given" } }, remarks };
}
