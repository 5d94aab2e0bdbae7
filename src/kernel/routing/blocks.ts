/** Which of their answers the functions of the routing have in a plan. */
import { planListsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { idsOf, scoredLater } from "../../spec/formats.ts";
import type { LayerSpec, RoutingSpec } from "../../spec/layer.ts";
import { NO_BLOCK } from "../part.ts";
import { layoutOf } from "../rows/layout.ts";
import { planRoutesAll } from "./all-tokens.ts";
import { sharesRegisters } from "./words.ts";

const HERE = "kernel/routing";

type InKernel = Extract<RoutingSpec, { where: "kernel" }>;

/** Scores of all experts: those of the chosen alone come after the choice. */
function scoresBlock(routing: InKernel, padded: boolean): string {
  const { scoring } = routing;
  if (scoring === "none" || scoredLater(routing)) return "raw";
  // Rows that are no expert would add to the sum of a softmax.
  return scoring === "softmax" && padded ? "softmax_padded" : scoring;
}

/**
 * How the experts are chosen. Scores in 0..1 are compared as they are; others, and sums with a bias,
 * as keys in their order.
 */
function chooseBlock(routing: InKernel): string {
  const { scoring, correctionBias, groups, renormalize, scoreNear } = routing;
  if (correctionBias === true) return "biased";
  if (scoreNear !== undefined) return "near";
  if (scoredLater(routing) || !(scoring === "softmax" || scoring === "sigmoid")) {
    return groups === undefined ? "by_keys" : "grouped";
  }
  return renormalize ? "by_scores_renormalized" : "by_scores";
}

function inKernelBlocks(routing: InKernel, layer: LayerSpec): Readonly<Record<string, string>> {
  const { groups } = routing;
  const choose = chooseBlock(routing);
  const by = choose.startsWith("by_scores") ? "scores" : "keys";
  const best = groups?.score === "max" ? "by_best" : "by_two_best";
  const padded = layoutOf(layer).expertRows !== idsOf(layer);
  // What a key stands for is asked by those that weigh it, or add up groups' scores.
  const asked =
    by === "keys" && (choose === "by_keys" || choose === "near" || groups !== undefined);
  return {
    routing_choice: `${HERE}/route_by_${by}`,
    sqrt_softplus: routing.scoring === "sqrt_softplus" ? `${HERE}/sqrt_softplus` : NO_BLOCK,
    scores: `${HERE}/scores/${scoresBlock(routing, padded)}`,
    scores_of: asked ? `${HERE}/scores_of` : NO_BLOCK,
    within_best_groups:
      groups === undefined ? NO_BLOCK : `${HERE}/within_best_groups/${by}_${best}`,
    choose_experts: `${HERE}/choose/${choose}`,
    route: `${HERE}/route/logits`,
  };
}

/** What comes of the lists of all devices to the scalar unit: all of them, or where in them an expert is. */
function exchangeBlock(listed: boolean, ep: number): string {
  if (listed) return `${HERE}/exchange_routes/listed${ep > 1 ? "" : "_alone"}`;
  return `${HERE}/exchange_routes/${ep > 1 ? "distributed" : "alone"}`;
}

/** Templates by the name of what they answer. */
export function routingBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh } = plan;
  const { routing } = layer;
  const all = planRoutesAll(plan);
  const listed = planListsInHbm(plan.kernels);
  return {
    ...(routing.where === "kernel"
      ? inKernelBlocks(routing, layer)
      : { routing_choice: `${HERE}/route_given`, route: `${HERE}/route/given` }),
    tokens_held: all ? `${HERE}/tokens_held` : NO_BLOCK,
    route_all: all ? `${HERE}/route_all` : NO_BLOCK,
    identity_weight:
      layer.identityExperts === undefined
        ? NO_BLOCK
        : `${HERE}/identity_weight/${routing.where === "kernel" ? "logits" : "given"}`,
    place_weights: sharesRegisters(mesh.ep) ? `${HERE}/place_weights` : NO_BLOCK,
    sort: `${HERE}/sort/${listed ? "to_hbm" : "in_smem"}`,
    exchange_routes: exchangeBlock(listed, mesh.ep),
  };
}
