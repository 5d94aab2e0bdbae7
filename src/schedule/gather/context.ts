/** What the templates in `templates/gather` say, from the plan alone. */

import { layerContext } from "../../emit/package.ts";
import { pyString, pyTuple } from "../../emit/python.ts";
import { argumentsContext } from "../../kernel/api/arguments.ts";
import { activationName } from "../../kernel/api/layer.ts";
import { hasConstants } from "../../kernel/constants.ts";
import { productContext } from "../../kernel/feed-forward/dequantize.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import { declareBuffers, declareSemaphores } from "../../kernel/part.ts";
import { rowsContext } from "../../kernel/rows/context.ts";
import { fillsLanes, hiddenRows, layoutOf } from "../../kernel/rows/layout.ts";
import { takesNarrowRows } from "../../kernel/rows/widening.ts";
import {
  isTiled,
  leavesSlots,
  type Shared,
  type SharedPlace,
  sharedOf,
} from "../../kernel/shared-experts/spread.ts";
import { tileShapeOf } from "../../kernel/weights/tile-shape.ts";
import { isStreamed } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { quantizationText, sharedApart, sharedLayer, tokenRows } from "../../spec/formats.ts";
import { composition } from "./composition.ts";
import { sharesRegisters, sizesOf, TOKEN_BITS } from "./sizes.ts";

/** Above so many devices their partial sums are added in a loop: unrolled, the code outgrows it. */
const MOST_UNROLLED_DEVICES = 8;

export type Context = Readonly<Record<string, unknown>> & SharedPlace;

export function gatherContext(plan: Plan): Context {
  const { layer, mesh } = plan;
  const [first] = plan.kernels;
  if (first === undefined) throw new RangeError("the plan has no kernel");
  const layout = layoutOf(layer);
  const { tiles } = first;
  const streamed = isStreamed(plan.kernels);
  const narrow = takesNarrowRows(
    layer,
    plan.kernels.map(({ device }) => device),
  );
  // The texts of the declarations are the same for every kernel of the plan; the sizes are not.
  const input: KernelInput = {
    layer,
    layout,
    ep: mesh.ep,
    sizes: sizesOf(layer, first.tokens, mesh.ep, tiles.passTokens),
    tiles,
    streamed,
    narrow,
  };
  const { routing } = layer;
  const quantizedRows = tokenRows(layer);
  const kernelRouting = routing.where === "kernel";
  const shared = sharedOf(layer, mesh.ep);
  const sharedTexts = sharedContextOf(shared, plan, streamed);
  return {
    ...layerContext(plan),
    ...argumentsContext(plan, shared),
    ...tilingContext(plan, layout.paddedHidden),
    rowMultiple: hiddenRows(layer),
    ...sharedTexts,
    ...productContext(plan, sharedTexts),
    ...rowsContext(plan, narrow),
    constants: hasConstants(layer),
    sharedRegisters: sharesRegisters(mesh.ep),
    manyDevices: mesh.ep > MOST_UNROLLED_DEVICES,
    layerLine: layerLine(plan),
    meshLine: meshLine(plan),
    meshAxes: pyTuple(mesh.axes.map(pyString)),
    meshAxesText: mesh.axes.join(" x "),
    word: layout.word,
    wordText:
      quantizedRows !== undefined
        ? "uint32, four columns a quarter of the row apart"
        : layer.dtype === "bfloat16"
          ? `uint32: columns i (low half) and i + ${layout.paddedHidden / 2}`
          : "float32",
    rowSublanes: layout.row,
    partSublanes: layout.partRow,
    sumSublanes: layout.sumRow,
    rowPitch: layout.rowPitch,
    resultSublanes: layout.resultRow,
    resultPitchSublanes: layout.resultPitch,
    choiceRows: layout.choiceRows,
    expertRows: layout.expertRows,
    expertLanes: layout.expertLanes,
    logitLanes: layout.logitLanes,
    paddedExperts: kernelRouting && layout.expertRows !== layer.experts,
    paddedLogits: layout.logitLanes !== layer.experts,
    widerLanes: layout.expertLanes !== layout.expertRows,
    splitHidden: plan.kernels.some((kernel) => kernel.tiles.bd < layer.hidden),
    tokenBits: TOKEN_BITS,
    buffers: declareBuffers(composition, input).map(
      ({ name, space, dims, dtypeText, meaning }) => ({
        name,
        space,
        dtypeText,
        meaning,
        python: pyTuple(dims.map(([text]) => text)),
      }),
    ),
    semaphores: declareSemaphores(composition, input)
      .filter(({ kind }) => kind === "dma")
      .map(({ name, count }) => ({ name, python: count[0] })),
  };
}

/** How the templates cut F and D: along columns where they fill lanes, else along rows. */
function tilingContext({ layer, kernels }: Plan, paddedHidden: number): Record<string, unknown> {
  const raggedHidden = !fillsLanes(layer.hidden);
  const raggedIntermediate = !fillsLanes(layer.intermediate);
  const padded = paddedHidden !== layer.hidden;
  const [first] = kernels;
  const wide = first !== undefined && tileShapeOf(layer, first.tiles).wide;
  const columnsF = "(INTERMEDIATE_SIZE // self.tiles.bf)";
  const columnsD = "(HIDDEN_SIZE // self.tiles.bd)";
  return {
    raggedHidden,
    raggedIntermediate,
    padded,
    paddedHidden,
    wide,
    rowColumns: padded ? "PADDED_HIDDEN" : "HIDDEN_SIZE",
    operandColumns: padded ? "pl.ds(0, HIDDEN_SIZE)" : ":",
    operandTile: raggedHidden ? "operand_columns" : "bd",
    operandTileText: raggedHidden ? "s.operand_columns" : "s.tiles.bd",
    intermediateTile: raggedIntermediate ? "INTERMEDIATE_SIZE" : "bf",
    hiddenTile: raggedHidden ? "HIDDEN_SIZE" : "bd",
    activationShape: raggedIntermediate || layer.biases === true,
    gateUpTilesText: raggedIntermediate ? columnsD.slice(1, -1) : `${columnsF} * ${columnsD}`,
    downTilesText: raggedHidden ? columnsF.slice(1, -1) : `${columnsF} * ${columnsD}`,
  };
}

function sharedContextOf(
  shared: Shared | undefined,
  { layer, mesh: { ep }, kernels }: Plan,
  streamed: boolean,
): Context {
  const tiled = shared !== undefined && isTiled(shared, streamed);
  return {
    sharedAhead: shared !== undefined && leavesSlots(shared, layer, kernels, streamed),
    // Its columns are the whole array that a device has.
    sharedWhole: shared?.replicas === 1 || shared?.blocks === 1,
    sharedTiled: tiled,
    sharedSlot: tiled ? "slot" : "0",
    sharedWidth: tiled ? "width" : "SHARED_COLUMNS",
    sharedReplicas: shared?.replicas ?? 1,
    sharedGroups: shared !== undefined && shared.replicas > 1,
    sharedColumns: shared?.columns ?? 0,
    sharedBlocks: shared?.blocks ?? 0,
    sharedOwnOnly: shared?.blocks === 1,
    sharedEveryBlock: shared?.blocks === ep && ep > 1,
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
  const { sharedExperts, biases } = layer;
  const more = [
    ...(biases === true ? ["biases"] : []),
    ...(sharedExperts === undefined
      ? []
      : [
          `${sharedExperts.count} shared of ${sharedExperts.intermediate}${sharedExperts.gate === "sigmoid" ? ", gated" : ""}${sharedApart(layer) ? ` in ${sharedText(layer)}` : ""}`,
        ]),
  ];
  const quantized = [
    ...(layer.quantization === undefined ? [] : [quantizationText(layer.quantization)]),
    ...(layer.wire?.dispatch === undefined ? [] : [`${layer.wire.dispatch} rows sent`]),
    ...(layer.wire?.combine === undefined ? [] : [`${layer.wire.combine} sums sent`]),
  ];
  const kinds = [activationName(layer.activation), layer.dtype, ...quantized, ...more].join(", ");
  return `${size}, ${kinds};\nrouting: ${text}.`;
}

function sharedText(layer: Plan["layer"]): string {
  const { quantization } = sharedLayer(layer);
  return quantization === undefined ? layer.dtype : quantizationText(quantization);
}

function meshLine({ mesh, localExperts }: Plan): string {
  return `Expert parallelism ${mesh.ep} over mesh axes ${mesh.axes.join(" x ")}: ${localExperts} experts a device.`;
}
