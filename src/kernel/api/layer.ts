/** Activation and routing as the templates say them, kernel and reference alike. */

import { pyFloat } from "../../emit/python.ts";
import { hasGate, idsOf, scoredLater } from "../../spec/formats.ts";
import type { Activation, LayerSpec, RenormEpsilon, RoutingSpec } from "../../spec/layer.ts";

const WORDS: Readonly<Record<ReturnType<typeof activationName>, string>> = {
  silu: "silu(gate) * up",
  gelu: "gelu(gate), tanh form, * up",
  gelu_erf: "gelu(gate) * up",
  clamped_swiglu: "silu(clamped gate) * clamped up",
  silu_clamped: "clamped silu(gate) * clamped up",
  swigluoai: "clamped gate * sigmoid(alpha * clamped gate) * (clamped up + 1)",
  relu2: "relu(up) squared",
  situ: "capped gate * sigmoid(gate) * capped up",
};

/** The activation in words, and the constants that it has as Python. */
export function activationContext(activation: Activation): Readonly<Record<string, unknown>> {
  const gated = hasGate({ activation });
  const activationText = WORDS[activationName(activation)];
  return {
    gated,
    /** Arguments of the activation. */
    projections: gated ? "gate, up" : "up",
    activationText,
    ...constantsOf(activation),
  };
}

function constantsOf(activation: Activation): Readonly<Record<string, string>> {
  if (typeof activation === "string") return {};
  if (activation.kind === "situ") {
    const { beta, linearBeta } = activation;
    const upCap = linearBeta === undefined ? "" : pyFloat(linearBeta);
    return { gateCap: pyFloat(beta), upCap };
  }
  const clamped = { clampLimit: pyFloat(activation.limit) };
  if (activation.kind !== "swigluoai") return clamped;
  return { ...clamped, alpha: pyFloat(activation.alpha) };
}

/** The template that says the activation of float32 `gate` and `up`: the kernel's and the reference's. */
export function activationBlock(activation: Activation): string {
  return `kernel/activation/${activationName(activation)}`;
}

/** In one word, for headers and `explain`. */
export function activationName(activation: Activation) {
  return typeof activation === "string" ? activation : activation.kind;
}

/** What divides the weights, for headers and `explain`. */
export function renormalizedText(epsilon: RenormEpsilon | undefined): string {
  if (epsilon === undefined) return "renormalised";
  return typeof epsilon === "object"
    ? `renormalised by ${epsilon.atLeast} or more`
    : `renormalised with ${epsilon}`;
}

const SCORING = {
  softmax: "Softmax",
  sigmoid: "Sigmoid",
  sqrt_softplus: "Square root of softplus",
  none: "Scores as given",
} as const;

interface RoutingTexts extends Record<string, unknown> {
  /** Names of the routing's arguments, joined. */
  readonly routingArguments: string;
}

/** The routing in words and as Python; given routing has names alone. */
export function routingContext(routing: RoutingSpec): RoutingTexts {
  if (routing.where === "given") {
    return {
      routeInKernel: false,
      routingArguments: "topk_weights, topk_ids",
      renormalize: false,
      renormalizePlain: false,
      renormEpsilon: "",
      renormFloor: "",
      scalingFactor: "",
      softCap: "",
      biased: false,
      groups: false,
      scoreNear: "",
    };
  }
  const chosen = routing.scoreChosen === true;
  const all = scoredLater(routing) ? "none" : routing.scoring;
  const { scalingFactor, logitSoftCap: cap, groups, renormEpsilon: epsilon } = routing;
  const biased = routing.correctionBias === true;
  return {
    routeInKernel: true,
    routingArguments: biased ? "gating_output, correction_bias" : "gating_output",
    routerInput: routing.scoring === "none" ? "router scores" : "router logits",
    scoringText: scoredLater(routing) ? "Logits" : SCORING[routing.scoring],
    rawScores: all === "none",
    softmaxAll: all === "softmax",
    sigmoidAll: all === "sigmoid",
    sqrtSoftplusAll: all === "sqrt_softplus",
    softmaxChosen: chosen && routing.scoring === "softmax",
    sigmoidChosen: chosen && routing.scoring === "sigmoid",
    sqrtSoftplusChosen: chosen && routing.scoring === "sqrt_softplus",
    renormalize: routing.renormalize,
    renormalizePlain: routing.renormalize && epsilon === undefined,
    renormEpsilon: typeof epsilon === "number" ? pyFloat(epsilon) : "",
    renormFloor: typeof epsilon === "object" ? pyFloat(epsilon.atLeast) : "",
    scalingFactor: scalingFactor === 1 ? "" : pyFloat(scalingFactor),
    softCap: cap === undefined ? "" : pyFloat(cap),
    biased,
    groups: groups ?? false,
    scoreNear: routing.scoreNear === undefined ? "" : pyFloat(routing.scoreNear),
  };
}

/** One argument of the routing, as the call, its docstring and the reference's say it. */
interface RoutingInput {
  readonly name: string;
  /** Name of the kernel's reference to it. */
  readonly ref: string;
  readonly shape: string;
  readonly size: string;
  readonly dtype: "jnp.floating" | "jnp.int32";
  readonly spec: "by_token" | "P()";
  readonly text: string;
  /** What the reference says after its size. */
  readonly referenceText: string;
}

function givenInputs({
  topK,
  experts,
  identityExperts,
  redundantExperts,
}: LayerSpec): readonly RoutingInput[] {
  const both = { shape: "(num_tokens, TOP_K)", size: `(T, ${topK})`, spec: "by_token" } as const;
  const ids = redundantExperts === undefined ? "expert ids" : "ids of physical experts";
  const identity = identityExperts === undefined ? "" : `, from ${experts} on of identity experts`;
  return [
    {
      ...both,
      name: "topk_weights",
      ref: "given_weights",
      dtype: "jnp.floating",
      text: "weights of the chosen experts, sharded like tokens; taken as float32",
      referenceText: "",
    },
    {
      ...both,
      name: "topk_ids",
      ref: "given_ids",
      // Of 64 bits JAX would take the lower half, which is another expert.
      dtype: "jnp.int32",
      text: `int32 ${ids}${identity}; one out of range contributes nothing`,
      referenceText: "; ids out of range contribute nothing",
    },
  ];
}

/** The routing's arguments in their order. */
export function routingInputs(layer: LayerSpec): readonly RoutingInput[] {
  const { routing } = layer;
  const ids = idsOf(layer);
  const idsName = layer.identityExperts === undefined ? "NUM_EXPERTS" : "NUM_IDS";
  if (routing.where === "given") return givenInputs(layer);
  const router = routing.scoring === "none" ? "router scores" : "router logits";
  const logits: RoutingInput = {
    name: "gating_output",
    ref: "router_logits",
    shape: `(num_tokens, ${idsName})`,
    size: `(T, ${ids})`,
    dtype: "jnp.floating",
    spec: "by_token",
    text: `${router}, sharded like tokens; taken as float32`,
    referenceText: ` ${router}`,
  };
  if (routing.correctionBias !== true) return [logits];
  const bias: RoutingInput = {
    name: "correction_bias",
    ref: "correction_bias",
    shape: `(${idsName},)`,
    size: `(${ids},)`,
    dtype: "jnp.floating",
    spec: "P()",
    text: "added to the scores for the choice of experts; taken as float32",
    referenceText: "",
  };
  return [logits, bias];
}
