/** Which of their answers the functions of the call have in a plan. */
import { rowsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { hasBlockColumns, hasExponents, sharedLayer } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes, paddedHidden } from "../rows/layout.ts";

const HERE = "kernel/api";

function padBlock(layer: LayerSpec): string {
  if (paddedHidden(layer) === layer.hidden) return NO_BLOCK;
  return `${HERE}/pad_hidden/${fillsLanes(layer.hidden) ? "whole" : "by_tile"}`;
}

/** What the kernel is given of the routing. */
function routingKind({ routing }: LayerSpec): "given" | "logits" | "biased" {
  if (routing.where === "given") return "given";
  return routing.correctionBias === true ? "biased" : "logits";
}

/** Scales of blocks become rows on their way into the kernel; exponents stay words. */
function scalesBlock({ quantization }: Pick<LayerSpec, "quantization">, name: string): string {
  if (quantization === undefined) return `${HERE}/arrays/${name}`;
  const words = hasExponents(quantization) ? "_as_words" : "";
  return `${HERE}/arrays/${name}${hasBlockColumns(quantization) ? "_of_blocks" : words}`;
}

/** What the call gives beside its result: buffers in HBM are outputs that nobody reads. */
function outputBlocks(inHbm: boolean): Readonly<Record<string, string>> {
  const out = (name: string): string => `${HERE}/outputs/${name}`;
  return {
    out_shape: out(inHbm ? "with_buffers" : "one"),
    out_specs: out(inHbm ? "specs_with_buffers" : "spec"),
    result: out(inHbm ? "result_and_buffers" : "result"),
    bounds_checks: inHbm ? out("no_bounds_checks") : NO_BLOCK,
  };
}

/** Templates by the name of what they answer: mostly how an array is laid before it is sharded. */
export function apiBlocks({ layer, mesh, kernels }: Plan): Readonly<Record<string, string>> {
  const padded = paddedHidden(layer) === layer.hidden ? "" : "_padded";
  const array = (given: boolean, name: string): string =>
    given ? `${HERE}/arrays/${name}` : NO_BLOCK;
  const biases = layer.biases === true;
  const shared = layer.sharedExperts;
  return {
    check_devices: `${HERE}/check_devices/${mesh.tp === undefined ? "whole" : "cut"}`,
    pad_hidden: padBlock(layer),
    ...outputBlocks(rowsInHbm(kernels)),
    one_device: `${HERE}/one_device/${routingKind(layer)}`,
    scale_arrays: scalesBlock(layer, "scales"),
    gate_up_bias_array: array(biases, `gate_up_bias_${layer.weights}`),
    down_bias_array: array(biases, `down_bias${padded}`),
    routing_arrays: `${HERE}/arrays/routing_${routingKind(layer)}`,
    shared_scale_arrays: scalesBlock(sharedLayer(layer), "shared_scales"),
    shared_gate_array: array(shared?.gate === "sigmoid", `shared_gate${padded}`),
  };
}
