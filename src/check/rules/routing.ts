/** Top-k, groups, scores and copies of experts against the layer. */
import { divisors } from "../../plan/divisors.ts";
import { nearestOf } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

/** Experts a token may go to: more than any published model asks for. */
const MOST_CHOSEN = 32;

/**
 * MOE105, MOE123: a token goes to distinct experts, and to no more than any published model asks
 * for.
 */
export const topKWithinExperts: Rule = ({ spec, sound }) => {
  const { topK, experts, redundantExperts = 0, identityExperts = 0 } = spec.layer ?? {};
  if (!sound("layer", "topK") || !sound("layer", "experts")) return [];
  const path = ["layer", "topK"];
  const copies = sound("layer", "redundantExperts") && redundantExperts < experts;
  // A copy is no further choice, an identity expert is one.
  const identity = sound("layer", "identityExperts") ? identityExperts : 0;
  const distinct = (copies ? experts - redundantExperts : experts) + identity;
  if (topK > distinct) {
    const less = copies && redundantExperts > 0 ? " - redundantExperts" : "";
    const whose = `experts${less}${identity > 0 ? " + identityExperts" : ""}`;
    const message = `topK = ${topK} exceeds ${whose} = ${distinct}`;
    const nearest = [Math.min(distinct, MOST_CHOSEN)];
    return [error({ code: "MOE105", path, message, detail: `${topK} > ${distinct}`, nearest })];
  }
  if (topK <= MOST_CHOSEN) return [];
  const message = `topK = ${topK} exceeds ${MOST_CHOSEN}`;
  return [error({ code: "MOE123", path, message, nearest: [MOST_CHOSEN] })];
};

/** MOE124: scores of the chosen alone need a scoring. */
export const chosenAreScored: Rule = ({ spec, sound }) => {
  const routing = spec.layer?.routing;
  if (!sound("layer", "routing") || routing?.where !== "kernel") return [];
  if (routing.scoring !== "none" || routing.scoreChosen !== true) return [];
  return [
    error({
      code: "MOE124",
      path: ["layer", "routing", "scoring"],
      message: 'scoring = "none" leaves scoreChosen nothing to do',
      nearest: ["softmax", "sigmoid", "sqrt_softplus"],
    }),
  ];
};

/** What a softmax over the near ones is not beside, each with what a spec would have instead. */
const NOT_NEAR = ["scoreChosen", "correctionBias", "groups"] as const;

/** MOE161: a softmax over the logits that are near the chosen one's, of logits alone. */
export const nearIsSoftmax: Rule = ({ spec, sound }) => {
  const routing = spec.layer?.routing;
  if (!sound("layer", "routing") || routing?.where !== "kernel") return [];
  const { scoreNear: near, scoring } = routing;
  if (near === undefined) return [];
  const path = ["layer", "routing"];
  if (scoring !== "softmax") {
    const message = `scoreNear makes a softmax of the logits near a chosen one's, scoring = "${scoring}"`;
    return [error({ code: "MOE161", path: [...path, "scoring"], message, nearest: ["softmax"] })];
  }
  const beside = NOT_NEAR.find((name) => routing[name] !== undefined);
  if (beside !== undefined) {
    const message = `scoreNear chooses by logits alone, without ${beside}`;
    return [error({ code: "MOE161", path: [...path, beside], message, nearest: [] })];
  }
  if (near < FURTHEST) return [];
  const message = `scoreNear = ${near} leaves out nothing: no two logits are further apart`;
  return [error({ code: "MOE161", path: [...path, "scoreNear"], message, nearest: [0.02] })];
};

/** Of the larger magnitude: no two numbers are further apart. */
const FURTHEST = 2;

/** The least float32 that a TPU does not take for 0, and all that scores of one token sum to. */
const EPSILONS = { least: 2 ** -126, most: 1 } as const;

/** An epsilon is of a sum that divides, and changes it where it is nought. */
export const epsilonFits: Rule = ({ spec, sound }) => {
  const routing = spec.layer?.routing;
  if (!sound("layer", "routing") || routing?.where !== "kernel") return [];
  const { renormEpsilon: epsilon, renormalize } = routing;
  if (epsilon === undefined) return [];
  const path = ["layer", "routing"];
  const bounds = typeof epsilon === "object";
  const value = bounds ? epsilon.atLeast : epsilon;
  const written = bounds ? `renormEpsilon = { atLeast: ${value} }` : `renormEpsilon = ${value}`;
  if (!renormalize) {
    const message = `${written} is ${bounds ? "the least of" : "added to"} no sum: renormalize is false`;
    return [error({ code: "MOE142", path: [...path, "renormalize"], message, nearest: ["true"] })];
  }
  const { least, most } = EPSILONS;
  if (value >= least && value <= most) return [];
  const message = value < least ? `${written} is 0 in float32` : `${written} outweighs the weights`;
  const nearest = [value < least ? least : most];
  const where = [...path, "renormEpsilon", ...(bounds ? ["atLeast"] : [])];
  return [error({ code: "MOE142", path: where, message, nearest })];
};

/** MOE120: copies leave an expert to copy, and a caller chooses among them. */
export const redundantFit: Rule = ({ spec, sound }) => {
  const { redundantExperts: copies, experts, routing } = spec.layer ?? {};
  if (!sound("layer", "redundantExperts") || copies === undefined) return [];
  const path = ["layer", "redundantExperts"];
  if (sound("layer", "experts") && copies >= experts) {
    const message = `redundantExperts = ${copies} leaves no expert of experts = ${experts}`;
    const nearest = experts > 1 ? [experts - 1] : [];
    return [error({ code: "MOE120", path, message, detail: `${copies} >= ${experts}`, nearest })];
  }
  if (!sound("layer", "routing") || routing.where === "given") return [];
  return [
    error({
      code: "MOE120",
      path,
      message: "redundant experts are chosen by the caller, but routing is in the kernel",
      nearest: ['routing: { where: "given" }'],
    }),
  ];
};

/** Expert groups against the experts and top-k. */
export const groupsFit: Rule = ({ spec, sound }) => {
  const routing = spec.layer?.routing;
  if (!sound("layer") || routing?.where !== "kernel" || routing.groups === undefined) return [];
  const { experts, topK } = spec.layer;
  const { count, kept, score } = routing.groups;
  const path = ["layer", "routing", "groups"];
  const wrong = (field: string, message: string, detail: string, nearest: readonly number[]) => [
    error({ code: "MOE118", path: [...path, field], message, detail, nearest }),
  ];
  if (experts % count !== 0) {
    const legal = nearestOf(divisors(experts), count);
    const detail = `${experts} % ${count} = ${experts % count}`;
    return wrong("count", `count = ${count} does not divide experts = ${experts}`, detail, legal);
  }
  const size = experts / count;
  const least = Math.ceil(topK / size);
  if (kept > count) {
    return wrong("kept", `kept = ${kept} exceeds count = ${count}`, `${kept} > ${count}`, [count]);
  }
  if (kept < least) {
    const message = `kept = ${kept} leaves ${kept * size} experts, fewer than topK = ${topK}`;
    return wrong("kept", message, `${kept} · ${size} < ${topK}`, [least]);
  }
  if (score === "sum_of_top_2" && size < 2) {
    const message = `score = "sum_of_top_2" needs 2 experts a group, count = ${count} leaves ${size}`;
    return wrong("count", message, `${experts} / ${count} < 2`, [Math.floor(experts / 2)]);
  }
  return [];
};
