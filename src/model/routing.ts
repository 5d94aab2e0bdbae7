/** How families write their routing in a `config.json`. */

import { defined } from "../spec/defined.ts";
import type { ExpertGroups, RenormEpsilon, RoutingSpec, Scoring } from "../spec/layer.ts";
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { isWhole } from "./depth.ts";
import { type Field, field, flagOf, numberOf, statedName } from "./field.ts";
import { GIVEN, refuseRouting } from "./refuse.ts";

/** Known, stated by a config's field, or worked out from the config. */
type Flag = boolean | Field<boolean> | ((config: ConfigReader) => boolean);

/** What a family's modelling code does with the router's logits; a config may say some of it. */
export interface RoutingData {
  /** Where the config names none; see `SCORING`. */
  readonly scoring: Scoring | ((config: ConfigReader) => Scoring);
  /** The modelling code has one scoring, whatever the config says of it. */
  readonly scoringFixed?: true;
  readonly renormalize: Flag;
  /** What the modelling code does to the sum that divides: see `RenormEpsilon`. Absent: nothing. */
  readonly renormEpsilon?: number | { readonly atLeast: Field<number> };
  /** Absent: 1. */
  readonly scalingFactor?: Field<number>;
  /** Absent: top-k among all experts. */
  readonly groups?: GroupsData | ((config: ConfigReader) => GroupsData | undefined);
  readonly correctionBias?: Flag;
  /** 0: none. */
  readonly logitSoftCap?: Field<number>;
  readonly scoreChosen?: true;
  /** Twice a config's field: how near a logit must be to be in a chosen one's softmax. */
  readonly scoreNear?: Field<number>;
}

export interface GroupsData {
  readonly count: Field<number>;
  readonly kept: Field<number>;
  /** Default: the sum of the two best where a bias is added, else the best. */
  readonly score?: ExpertGroups["score"];
}

/** The names that scoring has in configs. */
export const SCORING = [
  "score_function",
  "scoring_func",
  "score_func",
  "moe_router_activation",
  "moe_router_activation_func",
  "moe_router_score_func",
] as const;

const NAMED: Readonly<Record<string, Scoring>> = {
  sigmoid: "sigmoid",
  softmax: "softmax",
  sqrtsoftplus: "sqrt_softplus",
};

/** The scoring that the config names, or the family's. */
export function scoringOf(config: ConfigReader, fallback: Scoring): Scoring {
  const [name, ...others] = SCORING.filter((one) => config.get(one) !== undefined);
  if (name === undefined) return fallback;
  const value = config.get(name);
  const other = others.find((one) => config.get(one) !== value);
  if (other !== undefined) {
    const message = `${name} is ${show(value)}, ${other} is ${show(config.get(other))}: two scorings`;
    refuseRouting(config, other, message);
  }
  const known = typeof value === "string" && Object.hasOwn(NAMED, value) ? NAMED[value] : undefined;
  if (known !== undefined) return known;
  const message = `${name} ${show(value)} is not a scoring the kernel has`;
  const nearest = ["softmax", "sigmoid", "sqrt_softplus", GIVEN];
  refuseRouting(config, name, message, nearest);
  return fallback;
}

/** DeepSeek-V3's groups, under the names that most families have taken over. */
export const groupsOr = (count: number, kept: number): GroupsData => ({
  count: field(count, "n_group", "num_expert_group"),
  kept: field(kept, "topk_group"),
});

/** DeepSeek's names for how the experts are chosen. */
const METHODS: readonly unknown[] = ["noaux_tc", "greedy", "group_limited_greedy"];

/** A correction bias where `topk_method` is "noaux_tc", as it is where the config says nothing. */
export function biasedByMethod(config: ConfigReader): boolean {
  const method = config.get("topk_method") ?? "noaux_tc";
  if (!METHODS.includes(method)) {
    const message = `topk_method ${show(method)} is none of ${METHODS.map(show).join(", ")}`;
    refuseRouting(config, "topk_method", message);
  }
  return method === "noaux_tc";
}

/** What a family says of its groups for this config. */
export function groupsDataOf(
  config: ConfigReader,
  { groups }: Pick<RoutingData, "groups">,
): GroupsData | undefined {
  return typeof groups === "function" ? groups(config) : groups;
}

/** Groups only where they leave something out: all of them kept is a plain top-k. */
function groupsOf(
  config: ConfigReader,
  routing: Pick<RoutingData, "groups">,
  biased: boolean,
): ExpertGroups | undefined {
  const data = groupsDataOf(config, routing);
  if (data === undefined) return undefined;
  const count = numberOf(config, "routing", data.count);
  const kept = numberOf(config, "routing", data.kept);
  const score = data.score ?? (biased ? "sum_of_top_2" : "max");
  // Some configs write 0 for no groups.
  if (!isWhole(count, 0, Number.MAX_SAFE_INTEGER) || !isWhole(kept, 0, Math.max(count, 1))) {
    const [of, to] = [data.count, data.kept].map(({ names }) => statedName(config, names));
    const field = of ?? to ?? "n_group";
    refuseRouting(
      config,
      field,
      `${show(kept)} of ${show(count)} groups of experts cannot be kept`,
    );
    return undefined;
  }
  return kept > 0 && kept < count ? { count, kept, score } : undefined;
}

function epsilonOf(config: ConfigReader, data: RoutingData): { renormEpsilon?: RenormEpsilon } {
  const { renormEpsilon: epsilon } = data;
  if (epsilon === undefined) return {};
  if (typeof epsilon === "number") return { renormEpsilon: epsilon };
  return { renormEpsilon: { atLeast: numberOf(config, "routing", epsilon.atLeast) } };
}

/** The routing of the layer, as the family's data and the config say together. */
export function routingOf(config: ConfigReader, data: RoutingData): RoutingSpec {
  const flag = (value: Flag): boolean =>
    typeof value === "function" ? value(config) : flagOf(config, "routing", value);
  const scoring = typeof data.scoring === "function" ? data.scoring(config) : data.scoring;
  const biased = flag(data.correctionBias ?? false);
  const groups = groupsOf(config, data, biased);
  const cap = numberOf(config, "routing", data.logitSoftCap ?? 0);
  const renormalize = flag(data.renormalize);
  return {
    where: "kernel",
    scoring: data.scoringFixed === true ? scoring : scoringOf(config, scoring),
    renormalize,
    ...(renormalize ? epsilonOf(config, data) : {}),
    scalingFactor: numberOf(config, "routing", data.scalingFactor ?? 1),
    ...(cap === 0 ? {} : { logitSoftCap: cap }),
    ...(data.scoreChosen === true ? { scoreChosen: true as const } : {}),
    ...defined({ groups }),
    ...(data.scoreNear === undefined
      ? {}
      : { scoreNear: 2 * numberOf(config, "routing", data.scoreNear) }),
    ...(biased ? { correctionBias: true as const } : {}),
  };
}
