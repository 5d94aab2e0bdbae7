/** The surface of the newest tree: models route, gate and up weights are two parameters. */
import { BLOCK } from "../../../spec/formats.ts";
import type { LayerSpec } from "../../../spec/layer.ts";
import type { Quantization, QuantizedDType } from "../../../spec/quantization.ts";
import type { Adapted, Facts, Surface } from "../tree.ts";

export const surface: Surface = {
  routing: "given",
  gate: "scores",
  weights: "separate",
  meshAxes: ["data", "tensor"],
  epAxes: ["data", "tensor"],
  eightBitActivations: true,
  jax: "0.10.2",
};

/** What `QuantizationConfig` of this tree can name, apart from types that quantise nothing. */
const WEIGHTS: ReadonlySet<QuantizedDType> = new Set(["int8", "float8_e4m3fn", "float8_e5m2"]);

/** Scores, groups, bias and scaling are the model's own code here, so the kernel has none of them. */
export function adapt(layer: LayerSpec, facts: Facts = { quantized: true }): Adapted {
  if (layer.activation !== "silu" && layer.activation !== "gelu") {
    return {
      refused: ["the models of this tree that can use a generated kernel compute silu or gelu"],
    };
  }
  if (layer.identityExperts !== undefined) {
    return { refused: ["the models of this tree have no identity experts"] };
  }
  if (layer.scoreOn !== undefined) {
    return {
      refused: ["the models of this tree weigh what experts give, not what they take (scoreOn)"],
    };
  }
  if (layer.biases === true) {
    return { refused: ["the experts of this tree's models have no biases"] };
  }
  if (layer.heldExperts !== undefined) {
    return { refused: ["this tree's loader has no padded experts: an ep that divides them"] };
  }
  const weights = layer.quantization?.weights;
  if (weights !== undefined && facts.quantized !== true) {
    return {
      refused: [
        "quantised experts are served in trees with FusedEPMoEV2 (#1307, June 2026, and later): before " +
          "it their scales lie otherwise",
      ],
    };
  }
  if (weights !== undefined && !WEIGHTS.has(weights)) {
    return {
      refused: [
        `FusedEPMoE of this tree quantises weights as ${[...WEIGHTS].join(", ")}, not ${weights}`,
      ],
    };
  }
  const { sharedExperts, quantization, ...routed } = layer;
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
  const adapted: LayerSpec = {
    ...routed,
    weights: surface.weights,
    routing: { where: "given" },
    ...(quantization === undefined ? {} : { quantization: adaptScales(quantization, remarks) }),
  };
  return { layer: adapted, remarks };
}

/** FusedEPMoE holds scales as (E, K / block, 1, N) float32, whatever a checkpoint has. */
function adaptScales(quantization: Quantization, remarks: string[]): Quantization {
  const blocks = quantization.granularity === "blocks_128x128";
  if (blocks) {
    remarks.push(
      `a scale for each ${BLOCK} of a channel: FusedEPMoE repeats those of ${BLOCK} x ${BLOCK} when it loads`,
    );
  }
  if (quantization.scales !== "float32") {
    remarks.push("float32 scales, as FusedEPMoE has them");
  }
  return {
    ...quantization,
    granularity: blocks ? { kind: "sub_channel", block: BLOCK } : quantization.granularity,
    scales: "float32",
  };
}
