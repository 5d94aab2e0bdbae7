/** Facts of the layer and of the mesh, as many templates use them. */
import { pyDocText, pyString, pyTuple } from "../../emit/python.ts";
import { goByNeed, isRelayed, isStreamed, sumsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import {
  idsOf,
  quantizationText,
  sharedActivation,
  sharedApart,
  sharedLayer,
} from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { axesOf, devicesOf } from "../../spec/mesh.ts";
import { rowsContext } from "../rows/reference.ts";
import {
  arrayArguments,
  biasesContext,
  sharedContext,
  weightsContext,
} from "../weights/arguments.ts";
import {
  activationContext,
  activationName,
  renormalizedText,
  routingContext,
  routingInputs,
} from "./layer.ts";
import { hasShortPasses } from "./pass-tiles.ts";

/** Facts of the layer that several templates use. */
export function layerContext(plan: Plan): Record<string, unknown> {
  const { layer, mesh, name } = plan;
  const routing = routingContext(layer.routing);
  const devices = devicesOf(mesh);
  return {
    name,
    source: pyDocText(plan.source ?? ""),
    experts: layer.experts,
    ...identityContext(plan),
    topK: layer.topK,
    hidden: layer.hidden,
    intermediate: layer.intermediate,
    dtype: layer.dtype,
    bf16: layer.dtype === "bfloat16",
    ...activationContext(layer.activation),
    ...sharedActivationContext(layer),
    ep: mesh.ep,
    distributed: devices > 1,
    relayed: isRelayed(plan),
    deviceCount: devices,
    devicesText: devices === 1 ? "1 device" : `${devices} devices`,
    // As the worker's own: JAX's CPU client needs more threads than devices, and some for copies.
    interpreterThreads: Math.max(64, 4 * devices),
    localExperts: plan.localExperts,
    ...routing,
    routingInputs: routingInputs(layer),
    ...rowsContext(layer),
    ...weightsContext(layer),
    ...biasesContext(layer),
    ...sharedContext(layer),
    arrayArguments: arrayArguments(layer, routing.routingArguments),
    streamed: isStreamed(plan.kernels),
    ...shortPassContext(plan),
  };
}

/** Token rows that a loop over own ones takes at a time: those of a short pass are fewer. */
function shortPassContext({ kernels }: Plan): Record<string, unknown> {
  const shortPasses = hasShortPasses(kernels);
  return { shortPasses, tokenGroup: shortPasses ? "s.token_group" : "ROW_GROUP" };
}

/** Ids that are no expert's: the token as it is. */
function identityContext({ layer, mesh, kernels }: Plan): Record<string, unknown> {
  const { identityExperts } = layer;
  const byNeed = mesh.ep > 1 && goByNeed(kernels) !== undefined && sumsInHbm(kernels);
  const has = identityExperts !== undefined;
  return {
    ...(has ? { identityExperts } : {}),
    /** Ids in all: the constant that has them, and how many. */
    ids: has ? "NUM_IDS" : "NUM_EXPERTS",
    idCount: idsOf(layer),
    /** Of what clears the sums of a pass. */
    sumsArguments: has || byNeed ? "r, s, me" : "r, s",
    alsoIdentity: has ? "; identity experts give the token itself" : "",
    /** What a token's sum begins at in the reference. */
    firstSum: has ? "_identity_rows(tokens, weights, ids)" : "jnp.zeros_like(tokens)",
  };
}

/** What the shared experts' rows go through between the projections. */
function sharedActivationContext(layer: LayerSpec): Record<string, unknown> {
  const own = sharedActivation(layer);
  if (own === undefined) return { sharedActivate: "activate" };
  return { sharedActivate: "activate_shared", sharedActivation: activationContext(own) };
}

/** What the kernel's own modules say beyond it. */
export function headerContext(plan: Plan): Record<string, unknown> {
  const axes = axesOf(plan.mesh);
  const { tp, tpAxes } = plan.mesh;
  const inside = tpAxes === undefined ? "" : `, ${tp} of them over ${tpAxes.join(" x ")}`;
  return {
    layerLine: layerLine(plan),
    meshLine: meshLine(plan),
    meshAxes: pyTuple(axes.map(pyString)),
    meshAxesText: `${axes.join(" x ")}${inside}`,
    /** The constant with the number of devices. */
    devicesName: tp === undefined ? "EP_SIZE" : "DEVICES",
    meshSizesText:
      tp === undefined
        ? "EP_SIZE devices over MESH_AXES"
        : "EP_SIZE devices over EXPERT_AXES, TP_SIZE over COLUMN_AXES",
    parallelText: tp === undefined ? "expert-parallel" : "expert- and tensor-parallel",
  };
}

function layerLine({ layer }: Plan): string {
  const { identityExperts } = layer;
  const identity = identityExperts === undefined ? "" : ` and ${identityExperts} identity ones`;
  const size = `${layer.experts} experts${identity}, top-${layer.topK}, hidden ${layer.hidden}, intermediate ${layer.intermediate}`;
  const { routing } = layer;
  const text =
    routing.where === "given"
      ? "given by the caller"
      : [
          routing.scoring === "none" ? "scores as given" : routing.scoring,
          ...(routing.logitSoftCap === undefined
            ? []
            : [`logits capped at ${routing.logitSoftCap}`]),
          ...(routing.scoreChosen === true ? ["of the chosen alone"] : []),
          ...(routing.scoreNear === undefined ? [] : [`within ${routing.scoreNear} of the chosen`]),
          ...(routing.groups === undefined
            ? []
            : [`within ${routing.groups.kept} of ${routing.groups.count} groups`]),
          ...(routing.correctionBias === true ? ["correction bias"] : []),
          ...(routing.renormalize ? [renormalizedText(routing.renormEpsilon)] : []),
          ...(routing.scalingFactor === 1 ? [] : [`scaled by ${routing.scalingFactor}`]),
        ].join(", ");
  const { sharedExperts, biases } = layer;
  const ownActivation = sharedActivation(layer);
  const more = [
    ...(biases === true ? ["biases"] : []),
    ...(sharedExperts === undefined
      ? []
      : [
          `${sharedExperts.count} shared of ${sharedExperts.intermediate}${sharedExperts.gate === "sigmoid" ? ", gated" : ""}${ownActivation === undefined ? "" : `, ${activationName(ownActivation)}`}${sharedApart(layer) ? ` in ${sharedText(layer)}` : ""}`,
        ]),
  ];
  const quantized = [
    ...(layer.quantization === undefined ? [] : [quantizationText(layer.quantization)]),
    ...(layer.wire?.dispatch === undefined ? [] : [`${layer.wire.dispatch} rows sent`]),
    ...(layer.wire?.combine === undefined ? [] : [`${layer.wire.combine} sums sent`]),
    ...(layer.deterministic === true ? ["deterministic"] : []),
  ];
  const weighed = layer.scoreOn === "input" ? ["weights on the experts' input"] : [];
  const own = [activationName(layer.activation), ...weighed, layer.dtype];
  const kinds = [...own, ...quantized, ...more].join(", ");
  return `${size}, ${kinds};\nrouting: ${text}.`;
}

function sharedText(layer: Plan["layer"]): string {
  const { quantization } = sharedLayer(layer);
  return quantization === undefined ? layer.dtype : quantizationText(quantization);
}

/** What of an expert a device has, where it has a part. */
function columnsText({ tp, tpAxes }: Plan["mesh"], { intermediate }: LayerSpec): string {
  if (tp === undefined || tpAxes === undefined) return "";
  return `;\ntensor parallelism ${tp} over ${tpAxes.join(" x ")}: ${intermediate / tp} columns of each`;
}

function meshLine({ mesh, localExperts, layer }: Plan): string {
  const padded =
    layer.heldExperts === undefined
      ? ""
      : `,\nthe last ${layer.heldExperts - layer.experts} of zero weights that no token goes to`;
  return `Expert parallelism ${mesh.ep} over mesh axes ${mesh.axes.join(" x ")}: ${localExperts} experts a device${padded}${columnsText(mesh, layer)}.`;
}
