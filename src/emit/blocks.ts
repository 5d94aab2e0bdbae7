/** Which of their answers the functions of a package's common modules have. */
import { activationBlock } from "../kernel/api/layer.ts";
import { weighsRows } from "../kernel/feed-forward/row-scales.ts";
import { NO_BLOCK } from "../kernel/part.ts";
import { isMxfp4, scaleBlockTemplate } from "../kernel/weights/quantization.ts";
import type { Plan } from "../plan/plan.ts";
import {
  hasBlockColumns,
  hasExponents,
  scaleBlock,
  sharedActivation,
  sharedApart,
  sharedLayer,
  tokenRows,
  wordsAlong,
} from "../spec/formats.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { Quantization } from "../spec/quantization.ts";

/** Templates by the name of what they answer. */
type Blocks = Readonly<Record<string, string>>;

/** How weights are quantised; none of it where they are plain. */
export function quantizationBlocks(layer: LayerSpec): Blocks {
  const { quantization } = layer;
  const along = wordsAlong(layer);
  if (quantization === undefined) return {};
  const channel = scaleBlock(quantization) === undefined;
  const kind = channel ? "channel" : hasBlockColumns(quantization) ? "block" : "group";
  return {
    // Exponents are unpacked before they meet weights: there is no word in the helper.
    scale_block: scaleBlockTemplate({
      ...layer,
      quantization: { ...quantization, scales: "float32" },
    }),
    ...(along === undefined
      ? {
          quantize: `package/quantize/${isMxfp4(quantization) ? "microscaled" : kind}`,
          dequantize: `package/dequantize/${kind === "block" ? kind : "rows"}`,
        }
      : { quantize: "package/quantize/exponents", dequantize: "package/dequantize/exponents" }),
    blocks: `package/blocks/${kind}`,
  };
}

/** What makes weights of a checkpoint whose format is not the kernel's own. */
function checkpointBlock(quantization: Quantization): string {
  if (quantization.checkpoint === "nvfp4") return "package/from_nvfp4";
  if (!isMxfp4(quantization)) return NO_BLOCK;
  return hasExponents(quantization) ? "package/from_mxfp4_exponents" : "package/from_mxfp4";
}

/** All weights of a layer: the shared experts' may be of another kind. */
export function allWeightsBlocks(layer: LayerSpec): Blocks {
  const { quantization } = layer;
  if (quantization === undefined) return {};
  const along = wordsAlong(layer);
  const own = sharedLayer(layer).quantization === undefined ? "shared_plain" : "shared_apart";
  return {
    quantize_weights: `package/quantize_weights/${sharedApart(layer) ? own : "alike"}`,
    from_checkpoint: checkpointBlock(quantization),
    pack_scales: along === undefined ? NO_BLOCK : `package/pack_scales/along_${along}`,
  };
}

function groupsBlock({ routing }: LayerSpec): string {
  if (routing.where === "given" || routing.groups === undefined) return NO_BLOCK;
  return `package/reference/groups/${routing.groups.score === "max" ? "by_best" : "by_two_best"}`;
}

function resultBlock({ sharedExperts }: LayerSpec): string {
  if (sharedExperts?.gate === "sigmoid") return "gated_shared";
  return sharedExperts === undefined ? "routed" : "shared";
}

/** The activation of shared experts that have their own. */
function sharedActivationBlocks(layer: LayerSpec): Blocks {
  const own = sharedActivation(layer);
  if (own === undefined) return { reference_shared_activation: NO_BLOCK };
  return {
    reference_shared_activation: "package/reference/activate_shared",
    shared_activation_formula: activationBlock(own),
  };
}

/** What the reference computes. */
export function referenceBlocks({ layer }: Plan): Blocks {
  const { routing, quantization } = layer;
  const rounded = quantization?.activations === undefined ? "quantized" : "rounded";
  const expert = quantization === undefined ? "plain" : rounded;
  const rows = tokenRows(layer);
  const inKernel = routing.where === "kernel";
  return {
    reference_routing: inKernel ? "package/reference/routing" : NO_BLOCK,
    activation_formula: activationBlock(layer.activation),
    ...sharedActivationBlocks(layer),
    reference_groups: groupsBlock(layer),
    reference_identity:
      layer.identityExperts === undefined ? NO_BLOCK : "package/reference/identity",
    add_expert: `package/reference/add_expert/${expert}${layer.biases === true ? "_biased" : ""}`,
    weighed: `package/reference/weighed/${weighsRows(layer) ? "rows" : "result"}`,
    expert_rows: weighsRows(layer) ? "package/reference/expert_rows" : NO_BLOCK,
    reference_result: `package/reference/result/${resultBlock(layer)}`,
    round_rows:
      rows === undefined
        ? NO_BLOCK
        : `package/reference/round_rows/${rows === "int8" ? "integer" : "floating"}`,
  };
}
