/** The reader of families that differ in names, defaults and single facts: data for each. */

import { defined } from "../spec/defined.ts";
import type { Activation, SharedExperts } from "../spec/layer.ts";
import { show } from "../spec/show.ts";
import { activationOf } from "./activation.ts";
import type { Architecture, ReadLayer } from "./architecture.ts";
import type { ConfigReader } from "./config.ts";
import { type Field, field, numberOf, sizeOf, statedName } from "./field.ts";
import { groupsDataOf, type RoutingData, routingOf } from "./routing.ts";
import { type LayerData, sparseLayers } from "./sparse.ts";

export interface FamilyData extends LayerData {
  /** Names in `architectures`. */
  readonly names: readonly string[];
  /** Values of `model_type`: a class of the model that `names` does not list. */
  readonly types?: readonly string[];
  /** Fields that have E, the first stated one counts; so for all sizes. */
  readonly experts: readonly string[];
  /** Default: `num_experts_per_tok`. */
  readonly topK?: readonly string[];
  /** Default: `hidden_size`. */
  readonly hidden?: readonly string[];
  /** Default: `moe_intermediate_size`. */
  readonly intermediate?: readonly string[];
  /** Default: what `hidden_act` names. */
  readonly activation?: (config: ConfigReader) => Activation;
  /** Of all three projections. Default: none. */
  readonly biases?: true;
  /** Weights multiply what experts take. Default: what they give. */
  readonly scoreOn?: "input";
  readonly routing: RoutingData;
  /** Whether the caller routes the layer that is read. Default: the kernel does, as `routing` says. */
  readonly given?: (config: ConfigReader) => boolean;
  /** Ids behind the experts' that give the token as it is. Default: none. */
  readonly identity?: Field<number>;
  readonly shared?: SharedData | undefined | ((config: ConfigReader) => SharedData | undefined);
  /** Reports what the language cannot say of this model. */
  readonly inspect?: (config: ConfigReader) => void;
  /** What the layer's caller or its weights' loader must do for this model. */
  readonly notes?: (config: ConfigReader) => readonly string[];
}

/** Shared experts; none where count × width is 0. */
export interface SharedData {
  readonly count: number | Field<number>;
  /** Of one. Default: the routed experts' width. */
  readonly intermediate?: Field<number>;
  readonly gate?: "sigmoid";
  /** Default: the routed experts'. */
  readonly activation?: Activation;
}

function sharedOf(
  config: ConfigReader,
  { count: countField, intermediate: widthField, ...own }: SharedData,
  routed: number,
): SharedExperts | undefined {
  const count = numberOf(config, "sharedExperts", countField);
  const width = widthField === undefined ? routed : numberOf(config, "sharedExperts", widthField);
  if (count === 0 || width === 0) return undefined;
  return { count, intermediate: width, ...own };
}

const ACTIVATION_FIELDS = {
  "activation.alpha": field(0, "swiglu_alpha"),
  "activation.limit": field(0, "swiglu_limit"),
} as const;

/** Layer field -> config field, for the message that points at it. */
function fieldsOf(
  config: ConfigReader,
  data: FamilyData,
  shared: SharedData | undefined,
): Readonly<Record<string, string>> {
  const { routing } = data;
  const optional: Readonly<Record<string, number | Field<number> | undefined>> = {
    ...ACTIVATION_FIELDS,
    "routing.groups": groupsDataOf(config, routing)?.count,
    "routing.renormEpsilon.atLeast":
      typeof routing.renormEpsilon === "object" ? routing.renormEpsilon.atLeast : undefined,
    identityExperts: data.identity,
    "routing.scalingFactor": routing.scalingFactor,
    "routing.logitSoftCap": routing.logitSoftCap,
    "routing.scoreNear": routing.scoreNear,
    "sharedExperts.count": shared?.count,
    "sharedExperts.intermediate": shared?.intermediate,
  };
  const named = Object.entries(optional).flatMap(([layerField, value]): [string, string][] => {
    const name = typeof value === "object" ? statedName(config, value.names) : undefined;
    return name === undefined ? [] : [[layerField, name]];
  });
  return {
    experts: config.source(...data.experts),
    topK: config.source(...(data.topK ?? ["num_experts_per_tok"])),
    hidden: config.source(...(data.hidden ?? ["hidden_size"])),
    intermediate: config.source(...(data.intermediate ?? ["moe_intermediate_size"])),
    ...Object.fromEntries(named),
  };
}

/** A size whose names all mean the same: two that differ are reported. */
function oneSize(config: ConfigReader, layerField: string, names: readonly string[]): number {
  const stated = names.flatMap((name) => {
    const value = config.get(name);
    return typeof value === "number" ? [{ name, value }] : [];
  });
  const [first] = stated;
  const other = stated.find(({ value }) => !Object.is(value, first?.value));
  if (first !== undefined && other !== undefined) {
    const named = [first, other].map(({ name, value }) => `${name} is ${show(value)}`);
    const message = `${named.join(", ")}: two names of one figure`;
    const nearest = [first, other].map(({ value }) => String(value));
    config.report({ code: "MOE302", layerField, configField: other.name, message, nearest });
  }
  return sizeOf(config, layerField, names);
}

/** The layer that the family's data and the config say together. */
export function readFamily(config: ConfigReader, data: FamilyData): ReadLayer {
  const intermediate = sizeOf(
    config,
    "intermediate",
    data.intermediate ?? ["moe_intermediate_size"],
  );
  const said = typeof data.shared === "function" ? data.shared(config) : data.shared;
  const shared = said === undefined ? undefined : sharedOf(config, said, intermediate);
  const { identity = 0 } = data;
  const identityExperts = numberOf(config, "identityExperts", identity);
  data.inspect?.(config);
  return {
    layer: {
      experts: oneSize(config, "experts", data.experts),
      topK: oneSize(config, "topK", data.topK ?? ["num_experts_per_tok"]),
      hidden: sizeOf(config, "hidden", data.hidden ?? ["hidden_size"]),
      intermediate,
      activation: data.activation?.(config) ?? activationOf(config),
      dtype: config.dtype(),
      ...(data.biases === true ? { biases: true as const } : {}),
      routing: data.given?.(config) === true ? { where: "given" } : routingOf(config, data.routing),
      ...(identityExperts === 0 ? {} : { identityExperts }),
      ...defined({ sharedExperts: shared, scoreOn: data.scoreOn }),
    },
    sparse: sparseLayers(config, data),
    fields: fieldsOf(config, data, said),
    notes: data.notes?.(config) ?? [],
  };
}

/**
 * One family of one or several generations, each with its data. Its `read` throws RangeError for a
 * name that is of none of them.
 */
export function family(...generations: readonly FamilyData[]): Architecture {
  return {
    names: generations.flatMap(({ names }) => names),
    types: generations.flatMap(({ types }) => types ?? []),
    read(config, name) {
      const data = generations.find(
        ({ names, types }) => names.includes(name) || types?.includes(name),
      );
      if (data === undefined) throw new RangeError(`no data for ${name}`);
      return readFamily(config, data);
    },
  };
}
