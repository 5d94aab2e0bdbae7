/** What the templates in `templates/gather` say, from the plan alone. */
import { activationName } from "../../emit/layer.ts";
import { layerContext } from "../../emit/package.ts";
import { pyString, pyTuple } from "../../emit/python.ts";
import { weightArrays } from "../../emit/weights.ts";
import { isStreamed } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { type BufferInput, declareBuffers } from "./buffers.ts";
import { layoutOf } from "./layout.ts";
import { declareSemaphores } from "./semaphores.ts";
import { sizesOf, TOKEN_BITS } from "./sizes.ts";

export function gatherContext(plan: Plan): Record<string, unknown> {
  const { layer, mesh } = plan;
  const [first] = plan.kernels;
  if (first === undefined) throw new RangeError("the plan has no kernel");
  const layout = layoutOf(layer);
  const { tiles } = first;
  const streamed = isStreamed(plan.kernels);
  // The texts of the declarations are the same for every kernel of the plan; the sizes are not.
  const input: BufferInput = {
    layer,
    layout,
    ep: mesh.ep,
    sizes: sizesOf(layer, first.tokens, mesh.ep, tiles.passTokens),
    tiles,
    streamed,
  };
  const { routing } = layer;
  const kernelRouting = routing.where === "kernel";
  const biased = kernelRouting && routing.correctionBias === true;
  const shardedInputs = 1 + weightArrays(layer.weights) + (kernelRouting ? 1 : 2);
  return {
    ...layerContext(plan),
    layerLine: layerLine(plan),
    meshLine: meshLine(plan),
    meshAxes: pyTuple(mesh.axes.map(pyString)),
    meshAxesText: mesh.axes.join(" x "),
    word: layout.word,
    wordText:
      layer.dtype === "bfloat16"
        ? `uint32: columns i (low half) and i + ${layer.hidden / 2}`
        : "float32",
    rowSublanes: layout.row,
    sumSublanes: layout.sumRow,
    rowPitch: layout.rowPitch,
    choiceRows: layout.choiceRows,
    expertRows: layout.expertRows,
    expertLanes: layout.expertLanes,
    logitLanes: layout.logitLanes,
    paddedExperts: kernelRouting && layout.expertRows !== layer.experts,
    paddedLogits: layout.logitLanes !== layer.experts,
    widerLanes: layout.expertLanes !== layout.expertRows,
    splitHidden: plan.kernels.some((kernel) => kernel.tiles.bd < layer.hidden),
    inputCount: shardedInputs + (biased ? 1 : 0),
    shardedInputs,
    tokenBits: TOKEN_BITS,
    buffers: declareBuffers(input).map(({ name, space, dims, dtypeText, meaning }) => ({
      name,
      space,
      dtypeText,
      meaning,
      python: pyTuple(dims.map(([text]) => text)),
    })),
    semaphores: declareSemaphores(input).map(({ name, count }) => ({ name, python: count[0] })),
  };
}

function layerLine({ layer }: Plan): string {
  const size = `${layer.experts} experts, top-${layer.topK}, hidden ${layer.hidden}, intermediate ${layer.intermediate}`;
  const { routing } = layer;
  const text =
    routing.where === "given"
      ? "routing given"
      : [
          routing.scoring === "none" ? "scores as given" : routing.scoring,
          ...(routing.logitSoftCap === undefined
            ? []
            : [`logits capped at ${routing.logitSoftCap}`]),
          ...(routing.scoreChosen === true ? ["of the chosen alone"] : []),
          ...(routing.groups === undefined
            ? []
            : [`within ${routing.groups.kept} of ${routing.groups.count} groups`]),
          ...(routing.correctionBias === true ? ["correction bias"] : []),
          ...(routing.renormalize ? ["renormalised"] : []),
          ...(routing.scalingFactor === 1 ? [] : [`scaled by ${routing.scalingFactor}`]),
        ].join(", ");
  return `${size}, ${activationName(layer.activation)}, ${layer.dtype};\nrouting: ${text}.`;
}

function meshLine({ mesh, localExperts }: Plan): string {
  return `Expert parallelism ${mesh.ep} over mesh axes ${mesh.axes.join(" x ")}: ${localExperts} experts a device.`;
}
